import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { after, before, describe, it } from "mocha";
import { generateContract } from "../../tools/contract/generate-contract.ts";
import { type ContractCopy, copyContract } from "./contract-copy.ts";

const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

describe("generateContract", function () {
  this.timeout(60_000);
  let copy: ContractCopy;
  const saved = new Map<string, string | undefined>();
  const lines: string[] = [];
  const generate = () => generateContract({ root: copy.root, report: (line) => lines.push(line) });

  before(async () => {
    copy = await copyContract();
    await symlink(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(copy.root, "node_modules"));
    // Every way out leads to a port where nothing listens.
    for (const name of proxies) {
      saved.set(name, process.env[name]);
      process.env[name] = "http://127.0.0.1:9";
    }
    await generate();
  });
  after(async () => {
    for (const [name, value] of saved) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await copy.remove();
  });

  it("makes code without a network that Node runs as it is", async () => {
    const file = pathToFileURL(join(copy.root, "proto/gen/shop/money/v1/money_pb.ts"));
    const generated = (await import(file.href)) as { MoneySchema: { typeName: string } };
    assert.equal(generated.MoneySchema.typeName, "shop.money.v1.Money");
  });

  it("makes a descriptor set that holds the imports and google.rpc's error details", async () => {
    const image = (await readFile(join(copy.root, "proto/gen/contract.binpb"))).toString("latin1");
    for (const name of [
      "google/rpc/error_details.proto",
      "buf/validate/validate.proto",
      "google/protobuf/duration.proto",
    ]) {
      assert.ok(image.includes(name), `${name} is missing`);
    }
  });

  it("leaves everything alone when nothing changed", async () => {
    const file = join(copy.root, "proto/gen/contract.binpb");
    const { mtimeMs } = await stat(file);
    lines.length = 0;
    await generate();
    assert.deepEqual(lines, ["contract: proto/gen is up to date"]);
    assert.equal((await stat(file)).mtimeMs, mtimeMs);
  });

  it("gives the same files from scratch, even when two runs start at once", async () => {
    const hash = await hashOf(copy.root);
    await rm(join(copy.root, "proto/gen"), { recursive: true });
    await rm(join(copy.root, ".build"), { recursive: true });
    await Promise.all([generate(), generate()]);
    assert.equal(await hashOf(copy.root), hash);
    assert.deepEqual(
      (await readdir(join(copy.root, ".build"))).filter((name) => name.startsWith("generate-")),
      [],
    );
  });

  it("repairs what was changed or left behind in proto/gen", async () => {
    const hash = await hashOf(copy.root);
    await rm(join(copy.root, "proto/gen/shop/money/v1/money_pb.ts"));
    await copy.write("proto/gen/shop/money/v1/stale_pb.ts", "// of a contract that is gone\n");
    await generate();
    assert.equal(await hashOf(copy.root), hash);
  });

  it("fails with buf's words and keeps what is there when the contract does not build", async () => {
    const hash = await hashOf(copy.root);
    await copy.edit("proto/shop/money/v1/money.proto", "int64 minor_units = 2", "int65 minor_units = 2");
    await assert.rejects(generate(), /money\.proto:.*int65/);
    assert.equal(await hashOf(copy.root), hash);
  });
});

async function hashOf(root: string): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of [join(root, "proto/gen"), join(root, ".build/third-party")]) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const file of files.sort()) hash.update(file).update(await readFile(file));
  }
  return hash.digest("hex");
}
