import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, constants } from "node:http2";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials, loadPackageDefinition, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { StatusSchema } from "@quartet/proto/google/rpc/status_pb";
import { protoPath as healthProtoPath } from "grpc-health-check";
import { after, before, describe, it } from "mocha";
import { silentLogger } from "../log.ts";
import { startTestServer, type TestServer, testAdmission, testInterceptors } from "../testing/test-server.ts";
import { implementThings, thingService } from "../testing/thing-service.ts";
import { createGrpcServer } from "./grpc-server.ts";

const reflectionFolder = join(
  dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json")),
  "build",
);
const contract = readFileSync(new URL(import.meta.resolve("@quartet/proto/contract.binpb")));

// Clients made at run time have no types.
// biome-ignore lint/suspicious/noExplicitAny: see above
function dynamicClient(protoPath: string, name: string, address: string): any {
  let found: unknown = loadPackageDefinition(loadSync(protoPath, { enums: String, longs: Number, oneofs: true }));
  for (const part of name.split(".")) found = (found as Record<string, unknown>)[part];
  const Constructor = found as new (address: string, credentials: unknown) => unknown;
  return new Constructor(address, credentials.createInsecure());
}

function callRaw(client: Client, path: string, request: Buffer): Promise<ServiceError | undefined> {
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, request, new Metadata(), (error) => resolve(error ?? undefined));
  });
}

for (const implementation of ["bridge", "connect"] as const) {
  describe(`a gRPC server by ${implementation}`, () => {
    let server: TestServer;
    let address: string;
    let raw: Client;

    before(async () => {
      const registrations = [implementThings({ read: () => ({ name: "a" }) })];
      server = await startTestServer({ registrations, implementation, contract });
      address = `127.0.0.1:${server.grpcPort}`;
      raw = new Client(address, credentials.createInsecure());
    });

    after(async () => {
      raw.close();
      await server.stop();
    });

    it("keeps a connection on which thousands of calls were cancelled", async () => {
      const session = connect(`http://${address}`);
      session.on("error", () => {});
      const headers = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };
      const call = () => session.request({ ":path": "/test.v1.ThingService/Read", ...headers });
      try {
        for (let calls = 0; calls < 3_000; calls += 100) {
          const cancelled = Array.from({ length: 100 }, call);
          for (const stream of cancelled) stream.on("error", () => {}).close(constants.NGHTTP2_CANCEL);
          await Promise.all(cancelled.map((stream) => once(stream, "close")));
        }
        // Once this is answered the server has seen all of them go.
        await new Promise((resolve) => session.ping(resolve));
        const [answer] = await once(call().end(), "response");
        assert.equal(answer[":status"], 200);
      } finally {
        session.destroy();
      }
    });

    it("tells grpc.health.v1 clients whether it serves, per service and as a whole", async () => {
      const health = dynamicClient(healthProtoPath, "grpc.health.v1.Health", address);
      const check = (service: string): Promise<string> =>
        new Promise((resolve, reject) => {
          health.Check({ service }, (error: ServiceError | null, answer: { status: string }) => {
            if (error === null) resolve(answer.status);
            else reject(error);
          });
        });
      try {
        assert.equal(await check(""), "SERVING");
        assert.equal(await check(thingService.typeName), "SERVING");
        await assert.rejects(check("no.such.Service"), { code: status.NOT_FOUND });
        server.setServing(false);
        assert.equal(await check(""), "NOT_SERVING");
        assert.equal(await check(thingService.typeName), "NOT_SERVING");
        server.setServing(true);
      } finally {
        health.close();
      }
    });

    it("tells those who watch its health of every change", async () => {
      const health = dynamicClient(healthProtoPath, "grpc.health.v1.Health", address);
      const watch = health.Watch({ service: "" });
      watch.on("error", () => {});
      try {
        assert.equal((await once(watch, "data"))[0].status, "SERVING");
        server.setServing(false);
        assert.equal((await once(watch, "data"))[0].status, "NOT_SERVING");
        server.setServing(true);
        assert.equal((await once(watch, "data"))[0].status, "SERVING");
      } finally {
        watch.cancel();
        health.close();
      }
    });

    for (const version of ["v1", "v1alpha"]) {
      it(`describes the whole contract by grpc.reflection.${version}`, async () => {
        const protoPath = join(reflectionFolder, `proto/grpc/reflection/${version}/reflection.proto`);
        const reflection = dynamicClient(protoPath, `grpc.reflection.${version}.ServerReflection`, address);
        const stream = reflection.ServerReflectionInfo();
        const ask = async (question: object) => {
          const answer = once(stream, "data");
          stream.write(question);
          return (await answer)[0];
        };
        try {
          const { listServicesResponse } = await ask({ listServices: "*" });
          const names: string[] = listServicesResponse.service.map(({ name }: { name: string }) => name);
          assert.ok(names.includes("grpc.health.v1.Health"), names.join());
          const ours = names.filter((name) => /\.v1\.\w+Service$/.test(name));
          assert.ok(ours.length >= 4, names.join());
          for (const name of ours) {
            const { fileDescriptorResponse } = await ask({ fileContainingSymbol: name });
            const files: Buffer[] = fileDescriptorResponse.fileDescriptorProto;
            const decoded = files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
            const short = name.slice(name.lastIndexOf(".") + 1);
            assert.ok(decoded.some((file) => file.service.some((service) => service.name === short)));
          }
          const { errorResponse } = await ask({ fileContainingSymbol: "no.such.Symbol" });
          assert.equal(errorResponse.errorCode, status.NOT_FOUND);
        } finally {
          stream.end();
          reflection.close();
        }
      });
    }

    it("answers UNIMPLEMENTED for a method that nobody knows", async () => {
      const error = await callRaw(raw, "/no.such.Service/Method", Buffer.alloc(0));
      assert.equal(error?.code, status.UNIMPLEMENTED);
    });

    it("answers a request that cannot be decoded like any other invalid one", async () => {
      const error = await callRaw(raw, `/${thingService.typeName}/Read`, Buffer.from([0x0a, 0xff, 0xff]));
      assert.equal(error?.code, status.INVALID_ARGUMENT);
      const details = error.metadata.get("grpc-status-details-bin")[0];
      const { details: any } = fromBinary(StatusSchema, details as Buffer);
      assert.equal(any[0]?.typeUrl, "type.googleapis.com/google.rpc.ErrorInfo");
      assert.match(Buffer.from(any[0].value).toString(), /MALFORMED_REQUEST/);
    });
  });

  describe(`stopping a gRPC server by ${implementation}`, () => {
    it("lets single calls finish, ends streams with UNAVAILABLE, and takes no new connections", async () => {
      const entered = Promise.withResolvers<void>();
      const finish = Promise.withResolvers<void>();
      const registration = implementThings({
        read: async () => {
          entered.resolve();
          await finish.promise;
          return { name: "late" };
        },
        watch: async function* (_request, context) {
          yield { name: "first" };
          await once(context.signal, "abort");
        },
      });
      const server = createGrpcServer({
        registrations: [registration],
        interceptors: testInterceptors(),
        admission: testAdmission(),
        bindAddress: "127.0.0.1",
        port: 0,
        contract,
        log: silentLogger(),
        implementation,
      });
      const { port } = await server.start();
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      const same = (bytes: Buffer): Buffer => bytes;
      const request = Buffer.from([0x0a, 1, 0x61]);
      const path = `/${thingService.typeName}`;
      const call = callRaw(client, `${path}/Read`, request);
      const stream = client.makeServerStreamRequest(`${path}/Watch`, same, same, request, new Metadata(), {});
      const streamFailed = once(stream, "error");
      await Promise.all([entered.promise, new Promise((resolve) => stream.once("data", resolve))]).catch(() => {});
      const stopped = server.stop(5_000);
      const [error] = (await streamFailed.catch((reason: unknown) => [reason])) as [ServiceError];
      assert.equal(error.code, status.UNAVAILABLE);
      finish.resolve();
      assert.equal(await call, undefined);
      client.close();
      await stopped;
      const late = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      assert.equal((await callRaw(late, `${path}/Read`, request))?.code, status.UNAVAILABLE);
      late.close();
    });

    it("cuts what is not finished in time", async () => {
      const entered = Promise.withResolvers<void>();
      const registration = implementThings({
        read: () => {
          entered.resolve();
          return new Promise(() => {});
        },
      });
      const server = await startTestServer({ registrations: [registration], implementation, contract });
      const client = new Client(`127.0.0.1:${server.grpcPort}`, credentials.createInsecure());
      const call = callRaw(client, `/${thingService.typeName}/Read`, Buffer.from([0x0a, 1, 0x61]));
      await entered.promise;
      await server.stop(20);
      assert.ok((await call) !== undefined);
      client.close();
    });
  });
}
