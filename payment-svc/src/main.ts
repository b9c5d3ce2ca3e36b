import { runService } from "@quartet/chassis/run-service";
import { readPaymentConfig } from "./config.ts";
import { createService } from "./service.ts";

await runService(() => createService(readPaymentConfig()));
