import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { DomainError } from "@quartet/chassis/domain-error";
import type { UserCaller } from "@quartet/chassis/rpc/caller";
import { type Calls, NoAnswerError } from "./calls.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** A call that is repeated, with the same request, until somebody answers it. */
export type PatientCall = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  caller?: UserCaller,
) => Promise<MessageShape<O>>;

/** What customers and administrators act with, outside of the services. They never crash. */
export interface Customers {
  readonly call: PatientCall;
  /** Waits, in the time of the world. */
  sleep(delayMs: number): Promise<void>;
  /** A request id that nobody has used. */
  newRequestId(): string;
  /** Lets somebody begin to act, after a while. */
  begin(delayMs: number, what: string, act: () => Promise<void>): void;
  /** How many are still at it. */
  readonly busyCount: number;
}

const pauseMinMs = 50;
const pauseMaxMs = 700;

/** The one administrator of a simulated shop. */
export const administrator: UserCaller = { kind: "user", userId: "root", role: "admin", sessionId: "s" };

/** Creates customers. */
export function createCustomers(world: World, calls: Calls, random: Random): Customers {
  const process = world.newProcess("customers");
  let busyCount = 0;
  let requestCount = 0;
  const sleep = (delayMs: number): Promise<void> =>
    new Promise((resolve) => void world.after(process, delayMs, "wakes up", resolve, "timer"));

  return {
    sleep,
    newRequestId: () => `00000000-0000-4000-8000-${(++requestCount).toString(16).padStart(12, "0")}`,
    async call(method, request, caller) {
      for (;;) {
        try {
          const answer = await calls.call(method, request, caller);
          world.note(`${method.name} is answered`);
          return answer;
        } catch (error) {
          const isPassing =
            error instanceof NoAnswerError ||
            (error instanceof DomainError && (error.kind === "unavailable" || error.kind === "resource_exhausted"));
          world.note(`${method.name}: ${error instanceof DomainError ? error.reason : error}`);
          if (!isPassing) throw error;
        }
        await sleep(random.between(pauseMinMs, pauseMaxMs));
      }
    },
    begin(delayMs, what, act) {
      busyCount += 1;
      const done = () => {
        busyCount -= 1;
      };
      const failed = (error: unknown) =>
        world.violate(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
      world.after(process, delayMs, what, () => void act().catch(failed).finally(done));
    },
    get busyCount() {
      return busyCount;
    },
  };
}

/** Lets pass what a service may rightly answer, by reasons; anything else is thrown on. Undefined when it was refused. */
export async function unless<T>(reasons: readonly string[], answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof DomainError && reasons.includes(error.reason)) return undefined;
    throw error;
  }
}
