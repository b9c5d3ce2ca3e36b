import { join } from "node:path";
import { readOrCreateSecret, writeSecretFile } from "./secret-file.ts";

// `node tools/stack/broker-secret.ts FOLDER HOST`: makes the broker's random password once, and from it the
// configuration for RabbitMQ and the URL for the services. The folder is a volume that only these containers have.

/** The users inside the containers differ, so the files are readable by all of them. */
const readableMode = 0o644;
const memoryLimit = "320MB";

const [folder = "/secret", host = "rabbitmq"] = process.argv.slice(2);
const password = readOrCreateSecret(join(folder, "password"), readableMode);
const config = [
  "default_user = quartet",
  `default_pass = ${password}`,
  "log.console = true",
  `vm_memory_high_watermark.absolute = ${memoryLimit}`,
  "",
];
writeSecretFile(join(folder, "rabbitmq.conf"), config.join("\n"), readableMode);
writeSecretFile(join(folder, "amqp-url"), `amqp://quartet:${password}@${host}:5672\n`, readableMode);
