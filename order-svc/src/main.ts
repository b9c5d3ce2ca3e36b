import { runService } from "@quartet/chassis/run-service";
import { readOrderConfig } from "./config.ts";
import { createService } from "./service.ts";

await runService(() => createService(readOrderConfig()));
