import { runService } from "@quartet/chassis/run-service";
import { readProductConfig } from "./config.ts";
import { createService } from "./service.ts";

await runService(() => createService(readProductConfig()));
