import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { createContextValues, createHandlerContext, type HandlerContext } from "@connectrpc/connect";
import { type Caller, callerKey } from "@quartet/chassis/rpc/caller";
import type { ServiceRegistration } from "@quartet/chassis/rpc/implement";
import { newTrace } from "@quartet/chassis/trace";
import { runInContext } from "@quartet/chassis/work-context";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import type { Process, World } from "./world.ts";

/** What goes wrong with calls: probabilities. */
export interface CallFaults {
  /** The caller learns that it failed; every other time the request arrives all the same, at some later time. */
  loseRequest: number;
  loseAnswer: number;
}

/** Nobody answered: what was asked for may have happened or not, or may happen still. */
export class NoAnswerError extends Error {
  constructor(what: string) {
    super(what);
    this.name = "NoAnswerError";
  }
}

/** Calls between processes. */
export interface Calls {
  readonly faults: CallFaults;
  /** Lets a process answer calls from now on. */
  serve(process: Process, registrations: readonly ServiceRegistration[]): void;
  /**
   * Calls any process that serves the method, from the process whose turn it is. Rejects with what the method throws, or
   * with a NoAnswerError.
   */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    caller?: Caller,
  ): Promise<MessageShape<O>>;
  /** Lets a function run in another process; its answer may get lost, as that of any call. */
  ask<T>(process: Process, what: string, answer: () => Promise<T>): Promise<T>;
  /** Tells that a process has ended: whoever waits for it waits in vain. */
  lose(process: Process): void;
}

type Method = (request: unknown, context: HandlerContext) => Promise<unknown>;

const lostAfterMs = 300;
const refusedAfterMs = 1;
const anonymous: Caller = { kind: "anonymous" };

/** Creates calls over a network. */
export function createCalls(world: World, network: Network, random: Random): Calls {
  const faults: CallFaults = { loseRequest: 0, loseAnswer: 0 };
  const servers = new Map<Process, ReadonlyMap<string, Method>>();
  const waiting = new Map<Process, Set<(error: NoAnswerError) => void>>();

  function ask<T>(process: Process, what: string, answer: () => Promise<T>): Promise<T> {
    const from = world.current;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (random.chance(faults.loseRequest)) {
      const lost = () => reject(new NoAnswerError(`${what} is lost`));
      world.after(from, random.between(0, lostAfterMs), `${what} is lost`, lost);
      if (random.chance(0.5)) {
        network.send(process, `late ${what}`, () => {
          world.note(`${what}, late`);
          answer().catch(() => {});
        });
      }
      return promise;
    }
    const others = waiting.get(process) ?? new Set();
    waiting.set(process, others);
    const end = (settle: () => void): void => {
      if (!others.delete(abandon)) return;
      network.send(from, `answer to ${what}`, settle);
    };
    const abandon = (error: NoAnswerError): void => end(() => reject(error));
    others.add(abandon);
    network.sendFromCurrent(process, what, () => {
      const lost = random.chance(faults.loseAnswer) ? new NoAnswerError(`answer to ${what} is lost`) : undefined;
      answer().then(
        (value) => end(() => (lost === undefined ? resolve(value) : reject(lost))),
        (error: unknown) => end(() => reject(lost ?? error)),
      );
    });
    return promise;
  }

  return {
    faults,
    serve(process, registrations) {
      const methods = registrations.flatMap(({ service, implementation }) =>
        service.methods.map((method): [string, Method] => [
          `${service.typeName}/${method.name}`,
          implementation[method.localName] as unknown as Method,
        ]),
      );
      servers.set(process, new Map(methods));
    },

    async call<I extends DescMessage, O extends DescMessage>(
      method: DescMethodUnary<I, O>,
      request: MessageInitShape<I>,
      caller = anonymous,
    ) {
      const path = `${method.parent.typeName}/${method.name}`;
      const able = [...servers].filter(([process, methods]) => process.isAlive && methods.has(path));
      const chosen = able.length > 1 ? random.pick(able) : able[0];
      if (chosen === undefined) {
        const from = world.current;
        return new Promise<MessageShape<O>>((_, reject) => {
          const refuse = () => reject(new NoAnswerError(`nobody serves ${path}`));
          world.after(from, refusedAfterMs, `${method.name} is refused`, refuse);
        });
      }
      const [process, methods] = chosen;
      const serve = methods.get(path) as Method;
      const message = create(method.input, request);
      const answer = await ask(process, method.name, () =>
        // Callers do not give up here, but they are callers: their writes have a line of their own.
        runInContext({ trace: newTrace(), isOver: () => false }, () => serve(message, contextOf(method, caller))),
      );
      return create(method.output, answer as MessageInitShape<O>);
    },

    ask,

    lose(process) {
      servers.delete(process);
      for (const abandon of waiting.get(process) ?? []) abandon(new NoAnswerError(`${process.name} has ended`));
      waiting.delete(process);
    },
  };
}

function contextOf(method: DescMethodUnary, caller: Caller): HandlerContext {
  return createHandlerContext({
    service: method.parent,
    method,
    protocolName: "grpc",
    requestMethod: "POST",
    url: "http://simulation",
    contextValues: createContextValues().set(callerKey, caller),
  });
}
