import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createFileRegistry, type DescFile, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { before, describe, it } from "mocha";

/** What a generated module says about its file: names of messages, their fields and numbers, methods and their types. */
function outlineOf(file: DescFile): string[] {
  const messages = file.messages.flatMap((message) => [
    message.typeName,
    ...message.fields.map(({ name, number }) => `${message.typeName}.${name} = ${number}`),
  ]);
  const methods = file.services.flatMap((service) =>
    service.methods.map(
      (method) => `${service.typeName}/${method.name}: ${method.input.typeName} → ${method.output.typeName}`,
    ),
  );
  return [...messages, ...methods, ...file.enums.map(({ typeName }) => typeName)].sort();
}

describe("the generated package", () => {
  let ours: DescFile[];
  before(() => {
    const image = readFileSync(new URL(import.meta.resolve("@quartet/proto/contract.binpb")));
    ours = [...createFileRegistry(fromBinary(FileDescriptorSetSchema, image)).files].filter(({ name }) =>
      name.startsWith("shop/"),
    );
  });

  it("has a module for every file of the contract, with the messages and methods that contract.binpb has", async () => {
    assert.ok(ours.length > 10);
    for (const file of ours) {
      const module = (await import(`@quartet/proto/${file.name}_pb`)) as Record<string, DescFile>;
      const generated = module[`file_${file.name.replaceAll("/", "_")}`];
      assert.ok(generated !== undefined, file.name);
      assert.deepEqual(outlineOf(generated), outlineOf(file), file.name);
    }
  });

  it("is of the .proto files as they are", () => {
    for (const file of ours) {
      const source = readFileSync(new URL(`${file.name}.proto`, import.meta.url), "utf8");
      for (const { name } of [...file.messages, ...file.services, ...file.enums]) {
        assert.match(source, new RegExp(`\\b(message|service|enum) ${name} \\{`), `${file.name}: ${name}`);
      }
      const declared = [...source.matchAll(/^(?:message|service|enum) (\w+) \{/gm)].map(([, name]) => name);
      assert.deepEqual(
        declared.sort(),
        [...file.messages, ...file.services, ...file.enums].map(({ name }) => name).sort(),
      );
    }
  });
});
