import { runService } from "@quartet/chassis/run-service";
import { readSampleItemConfig } from "./config.ts";
import { createService } from "./service.ts";

await runService(() => createService(readSampleItemConfig()));
