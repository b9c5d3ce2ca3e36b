import { runService } from "@quartet/chassis/run-service";
import { readUserConfig } from "./config.ts";
import { createService } from "./service.ts";

await runService(() => createService(readUserConfig()));
