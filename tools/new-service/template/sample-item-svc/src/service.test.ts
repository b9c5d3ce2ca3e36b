import assert from "node:assert/strict";
import { newId } from "@quartet/chassis/ids";
import { type BrokerStage, createMemoryStage, createRabbitMqStage } from "@quartet/chassis/testing/broker-stages";
import { eventually } from "@quartet/chassis/testing/eventually";
import { assertLeavesNothing } from "@quartet/chassis/testing/leaves-nothing";
import { type Neighbour, startNeighbour } from "@quartet/chassis/testing/neighbour";
import { startRabbitMqEarly } from "@quartet/chassis/testing/rabbitmq";
import { createServiceHome, type RunningService, type ServiceHome } from "@quartet/chassis/testing/service-home";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { SampleItemCreatedSchema } from "@quartet/proto/shop/sample_item/v1/sample_item_events_pb";
import { SampleItemService } from "@quartet/proto/shop/sample_item/v1/sample_item_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readSampleItemConfig } from "./config.ts";
import { createService } from "./service.ts";
import { theFirst } from "./testing/builders.ts";

function describeService(broker: string, createStage: () => Promise<BrokerStage>): void {
  describe(`sample-item-svc with ${broker}`, function () {
    // A first RabbitMQ takes its time to start.
    this.timeout(90_000);

    const tokens = createTestTokens();
    let stage: BrokerStage;
    let home: ServiceHome<typeof SampleItemService>;
    let neighbour: Neighbour;
    let service: RunningService<typeof SampleItemService>;
    let headers: Record<string, string>;

    beforeEach(async () => {
      stage = await createStage();
      home = createServiceHome({
        name: "sample-item-svc",
        service: SampleItemService,
        create: (environment, overrides) => createService(readSampleItemConfig(environment), overrides),
        tokens,
      });
      headers = { authorization: `Bearer ${await tokens.sign({ userId: "ada" })}` };
      neighbour = await startNeighbour(stage, "sample-item-svc");
      service = await home.start(stage);
    });
    afterEach(async () => {
      await home.remove();
      await neighbour.stop();
      await stage.stop();
    });

    const create = async () => (await service.client.createSampleItem(theFirst, { headers })).name;
    const told = (count: number) =>
      eventually("the sample items are told of", () => neighbour.heardOf(SampleItemCreatedSchema).length === count);

    it("answers by gRPC and by Connect alike", async () => {
      const name = await create();
      const response = await service.post("GetSampleItem", { name }, headers);
      assert.equal(response.status, 200);
      const body = (await response.json()) as { name: string; etag: string };
      const sampleItem = await service.client.getSampleItem({ name }, { headers });
      assert.deepEqual([body.name, body.etag], [name, sampleItem.etag]);
      assert.equal((await service.post("GetSampleItem", { name })).status, 401);
    });

    it("tells of new sample items", async () => {
      const name = await create();
      await told(1);
      const [created] = neighbour.heardOf(SampleItemCreatedSchema);
      assert.deepEqual([created?.sampleItem?.name, created?.sampleItem?.version], [name, 1n]);
    });

    it("goes on after a restart where it was, and tells what it could not tell", async () => {
      const request = { ...theFirst, requestId: newId() };
      await stage.setUp(false);
      const { name } = await service.client.createSampleItem(request, { headers });
      await create();
      const { nextPageToken } = await service.client.listSampleItems({ pageSize: 1 }, { headers });
      await service.stop();

      service = await home.start(stage);
      await stage.setUp(true);
      await told(2);
      assert.equal((await service.client.createSampleItem(request, { headers })).name, name);
      const page = await service.client.listSampleItems({ pageSize: 1, pageToken: nextPageToken }, { headers });
      assert.equal(page.sampleItems[0]?.name, name);
    });

    it("serves without a broker from the start, and tells all of it when there is one", async () => {
      await service.stop();
      await stage.setUp(false);
      service = await home.start(stage);
      const name = await create();
      assert.equal((await fetch(`${service.httpUrl}/readyz`)).status, 200);
      await stage.setUp(true);
      await told(1);
      assert.equal(neighbour.heardOf(SampleItemCreatedSchema)[0]?.sampleItem?.name, name);
    });

    it("leaves nothing open when it stops", async () => {
      await service.stop();
      await assertLeavesNothing(home.dataDir, async () => {
        service = await home.start(stage);
        await create();
        await told(1);
        await service.stop();
      });
    });
  });
}

describeService("a broker in memory", createMemoryStage);
startRabbitMqEarly();
describeService("RabbitMQ", createRabbitMqStage);
