import { writeFileSync } from "node:fs";
import { renderGateway } from "../gateway/render.ts";

// `node tools/stack/render-image.ts FILE`: the committed envoy.yaml with the origins of CORS_ORIGIN, for the image.
const corsOrigins = (process.env.CORS_ORIGIN ?? "").split(",").map((origin) => origin.trim());
writeFileSync(
  process.argv[2] ?? "envoy.rendered.yaml",
  renderGateway({ corsOrigins: corsOrigins.filter((origin) => origin !== "") }),
);
