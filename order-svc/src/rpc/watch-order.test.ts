import assert from "node:assert/strict";
import type { MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { eventually } from "@quartet/chassis/testing/eventually";
import { RetryInfoSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { Order_State } from "@quartet/proto/shop/order/v1/order_pb";
import type { WatchOrderResponseSchema } from "@quartet/proto/shop/order/v1/order_service_pb";
import fc from "fast-check";
import { afterEach, beforeEach, describe, it } from "mocha";
import { cancelOrder } from "../domain/cancel-order.ts";
import { isSettled } from "../domain/is-settled.ts";
import type { Order } from "../domain/order.ts";
import { recordPayment } from "../domain/record-payment.ts";
import { recordStock } from "../domain/record-stock.ts";
import { aMoment, aPaymentEnd, aPlacement, aStockFact, placeTime } from "../testing/builders.ts";
import { anyStep, type Step } from "../testing/histories.ts";
import { as, openTestService, type TestService } from "../testing/open-service.ts";

type Response = MessageShape<typeof WatchOrderResponseSchema>;

describe("WatchOrder", () => {
  let service: TestService;
  const open = async (options: Partial<Parameters<typeof openTestService>[0]> = {}) => {
    service = await openTestService({ now: () => placeTime, ...options });
    await service.orders.place("ada", undefined, () => aPlacement());
  };
  let gone: AbortController;
  beforeEach(async () => {
    gone = new AbortController();
    await open();
  });
  afterEach(async () => {
    gone.abort();
    await nothingIsOpen();
    await service.close();
  });

  const known = (order: Order | undefined): Order => order ?? assert.fail("the order is not there");
  const record = (decide: Step) => service.orders.update("o1", (order) => decide(known(order)));
  const hold: Step = (order) => recordStock(order, aStockFact("RESERVED", 1), aMoment());
  const release: Step = (order) => recordStock(order, aStockFact("RELEASED", 2), aMoment());
  const cancel: Step = (order) => cancelOrder(order, 1000, aMoment());
  const closePayment: Step = (order) => recordPayment(order, aPaymentEnd("VOIDED", 1), aMoment());
  /** Cancels the order and lets it come to rest: 3 entries. */
  const settle = async () => {
    for (const step of [cancel, release, closePayment]) await record(step);
  };

  const watch = (afterSequence = 0, { id = "o1", signal = gone.signal } = {}) =>
    service.client.watchOrder({ name: `orders/${id}`, afterSequence: BigInt(afterSequence) }, { ...as("ada"), signal });
  const start = (afterSequence = 0, signal = gone.signal) => watch(afterSequence, { signal })[Symbol.asyncIterator]();
  const sequencesOf = (responses: readonly Response[]) =>
    responses.flatMap(({ orderEvent }) => (orderEvent === undefined ? [] : [Number(orderEvent.sequence)]));
  const readAll = async (stream: AsyncIterable<Response>) => {
    const responses: Response[] = [];
    for await (const response of stream) responses.push(response);
    return responses;
  };
  const failureOf = async (next: Promise<unknown>) =>
    next.then(
      () => assert.fail("the stream went on"),
      (error) => ConnectError.from(error),
    );
  const nothingIsOpen = () => eventually("no watch is open", async () => (await service.openWatches()) === 0);

  it("sends the timeline as it is, then each entry as it is committed, and ends with the order", async () => {
    await record(hold);
    const stream = start();
    const next = async () => (await stream.next()).value as Response;
    const first = await next();
    assert.deepEqual(
      [first.orderEvent?.name, first.orderEvent?.cause, first.last, first.order],
      ["orders/o1/events/1", "shop.order.v1.OrderPlaced", false, undefined],
    );
    assert.equal((await next()).orderEvent?.sequence, 2n);
    assert.equal(await service.openWatches(), 1);
    await record(cancel);
    assert.equal((await next()).orderEvent?.state, Order_State.CANCELLED);
    await record(release);
    assert.equal((await next()).orderEvent?.sequence, 4n);
    await record(closePayment);
    assert.equal((await next()).orderEvent?.sequence, 5n);
    const last = await next();
    assert.deepEqual([last.last, last.orderEvent], [true, undefined]);
    assert.deepEqual(last.order, await service.client.getOrder({ name: "orders/o1" }, as("ada")));
    assert.equal((await stream.next()).done, true);
    await nothingIsOpen();
  });

  it("sends what is left of a settled order, and ends", async () => {
    await settle();
    for (const [afterSequence, left] of [
      [0, [1, 2, 3, 4]],
      [2, [3, 4]],
      [4, []],
      [9, []],
      [Number.MAX_SAFE_INTEGER, []],
    ] as const) {
      const responses = await readAll(watch(afterSequence));
      assert.deepEqual(sequencesOf(responses), left, `after ${afterSequence}`);
      assert.deepEqual(
        responses.map(({ last, order }) => [last, order !== undefined]),
        [...left.map(() => [false, false]), [true, true]],
      );
    }
  });

  it("waits beyond the end of the timeline for what comes after it, and for the end", async () => {
    const responses = readAll(watch(2));
    await eventually("it watches", async () => (await service.openWatches()) === 1);
    await settle();
    assert.deepEqual(sequencesOf(await responses), [3, 4]);
    assert.deepEqual(sequencesOf(await readAll(watch(100))), []);
  });

  it("shows an order that is cancelled after it was settled to whoever watches again", async () => {
    for (const step of [hold, (order: Order) => recordPayment(order, { ...capture(), version: 2 }, aMoment())]) {
      await record(step);
    }
    await record((order) => recordStock(order, aStockFact("SOLD", 2), aMoment()));
    assert.deepEqual(sequencesOf(await readAll(watch())), [1, 2, 3, 4]);
    await record(cancel);
    const rest = readAll(watch(4));
    await record((order) => recordStock(order, aStockFact("RELEASED", 3), aMoment()));
    await record((order) => recordPayment(order, refund(), aMoment()));
    const responses = await rest;
    assert.deepEqual(sequencesOf(responses), [5, 6, 7]);
    assert.equal(responses.at(-1)?.order?.refunded?.minorUnits, 2598n);
  });

  it("reads a long timeline on, page by page", async () => {
    for (let count = 0; count < 130; count++) await record(hold);
    await settle();
    assert.deepEqual(
      sequencesOf(await readAll(watch())),
      Array.from({ length: 134 }, (_, index) => index + 1),
    );
  });

  it("misses and repeats nothing of what is committed while it starts", async () => {
    const writing = (async () => {
      for (let count = 0; count < 40; count++) await record(hold);
      await settle();
    })();
    const streams = [];
    for (let count = 0; count < 8; count++) {
      streams.push(readAll(watch()));
      await new Promise(setImmediate);
    }
    for (const responses of await Promise.all(streams)) {
      assert.deepEqual(
        sequencesOf(responses),
        Array.from({ length: 44 }, (_, index) => index + 1),
      );
    }
    await writing;
  });

  it("shows that it lives when nothing happens, and only then", async () => {
    await service.close();
    await open({ heartbeatMs: 10 });
    const stream = start();
    assert.equal(((await stream.next()).value as Response).orderEvent?.sequence, 1n);
    for (let count = 0; count < 3; count++) {
      const { orderEvent, last, order } = (await stream.next()).value as Response;
      assert.deepEqual({ orderEvent, last, order }, { orderEvent: undefined, last: false, order: undefined });
    }
    await settle();
    const rest: Response[] = [];
    for (let next = await stream.next(); next.done !== true; next = await stream.next()) rest.push(next.value);
    assert.deepEqual(sequencesOf(rest), [2, 3, 4]);
    assert.equal(rest.at(-1)?.last, true);
  });

  it("answers at once when there is nothing to tell yet, so that its reader knows that it is connected", async () => {
    const stream = start(1);
    const { orderEvent, last, order } = (await stream.next()).value as Response;
    assert.deepEqual({ orderEvent, last, order }, { orderEvent: undefined, last: false, order: undefined });
    const next = stream.next();
    await record(hold);
    assert.equal(((await next).value as Response).orderEvent?.sequence, 2n);
  });

  it("has room for so many watches, says so, and has room again when one has ended", async () => {
    await service.close();
    await open({ watchesMax: 2 });
    const leaving = new AbortController();
    const [first, second] = [start(0, leaving.signal), start()];
    await Promise.all([first.next(), second.next()]);
    const error = await failureOf(start().next());
    assert.equal(error.code, Code.ResourceExhausted);
    assert.equal(errorInfoOf(error)?.reason, "TOO_MANY_WATCHES");
    assert.equal(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds, 5n);
    leaving.abort();
    await eventually("there is room", async () => (await service.openWatches()) === 1);
    assert.equal(((await start().next()).value as Response).orderEvent?.sequence, 1n);
  });

  it("frees everything when its reader goes away, whether it waits or sends", async () => {
    const waiting = readAll(watch(1));
    await start().next();
    await eventually("both watch", async () => (await service.openWatches()) === 2);
    gone.abort();
    assert.equal((await failureOf(waiting)).code, Code.Canceled);
    await nothingIsOpen();
  });

  it("ends at the deadline of the call and frees its place", async () => {
    const request = { name: "orders/o1", afterSequence: 1n };
    const stream = service.client.watchOrder(request, { ...as("ada"), timeoutMs: 50 });
    assert.equal((await failureOf(readAll(stream))).code, Code.DeadlineExceeded);
    await nothingIsOpen();
  });

  it("opens nothing for a stranger, for an order that is not there, or for a wrong request", async () => {
    const reasonOf = async (request: { name: string; afterSequence?: bigint }, token = "ada") => {
      const stream = service.client.watchOrder(request, as(token))[Symbol.asyncIterator]();
      return errorInfoOf(await failureOf(stream.next()))?.reason;
    };
    assert.equal(await reasonOf({ name: "orders/o1" }, "eve"), "ORDER_NOT_FOUND");
    assert.equal(await reasonOf({ name: "orders/ghost" }), "ORDER_NOT_FOUND");
    assert.equal(await reasonOf({ name: "orders/o1", afterSequence: -1n }), "INVALID_FIELDS");
    assert.equal(await service.openWatches(), 0);
  });

  it("lets an administrator follow anybody's order", async () => {
    await settle();
    const responses = await readAll(service.client.watchOrder({ name: "orders/o1" }, as("root:admin")));
    assert.equal(responses.length, 5);
  });

  it("yields the timeline exactly, for any history, from anywhere, cut anywhere and resumed", async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 6 });
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 12 }), fc.nat(8), cuts, async (steps, after, lengths) => {
        const id = `p${count++}`;
        await service.orders.place("ada", undefined, () => aPlacement(id));
        const happen = (async () => {
          for (const step of [...steps, ...toTheEnd]) {
            await service.orders.update(id, (order) => step(known(order))).catch(() => {});
            await new Promise(setImmediate);
          }
        })();

        const seen: number[] = [];
        let last: Response | undefined;
        let cursor = after;
        // After the cuts one stream that is read to its end; what came after an end that was not the last, by one more.
        for (const length of [...lengths, Number.POSITIVE_INFINITY]) {
          const cut = new AbortController();
          let read = 0;
          for await (const response of watch(cursor, { id, signal: cut.signal })) {
            assert.equal(last?.last === true && read > 0, false, "something came after the last response");
            for (const sequence of sequencesOf([response])) {
              seen.push(sequence);
              cursor = sequence;
            }
            last = response;
            if (++read >= length) break;
          }
          cut.abort();
        }
        await happen;
        const rest = await readAll(watch(cursor, { id }));
        seen.push(...sequencesOf(rest));
        const timeline = await service.queries.timeline({ orderId: id, afterSequence: after, limit: 100 });
        assert.deepEqual(
          seen,
          timeline.map((entry) => entry.sequence),
        );
        assert.ok(isSettled(known(await service.queries.get(id))));
        assert.equal(rest.at(-1)?.last, true);
      }),
      { numRuns: 150 },
    );
  });

  const capture = () => ({
    cause: { type: "shop.payment.v1.PaymentCaptured", eventId: "capture" },
    state: "CAPTURED" as const,
    amount: { currency: "EUR", minorUnits: 2598 },
  });
  const refund = () => ({
    cause: { type: "shop.payment.v1.PaymentRefunded", eventId: "refund" },
    state: "REFUNDED" as const,
    version: 3,
    refunded: { currency: "EUR", minorUnits: 2598 },
  });
  /** What brings any order to rest. */
  const toTheEnd: readonly Step[] = [
    (order) => cancelOrder(order, 1e9, aMoment()),
    (order) => recordStock(order, aStockFact("RELEASED", 7), aMoment()),
    (order) =>
      order.capturedMinor > 0
        ? recordPayment(order, { ...refund(), cause: { ...refund().cause, eventId: "last" }, version: 7 }, aMoment())
        : recordPayment(order, aPaymentEnd("VOIDED", 7), aMoment()),
  ];
});
