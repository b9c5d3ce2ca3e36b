import { createDrivePayment } from "../app/drive-payment.ts";
import type { PaymentStore, ProviderTask } from "../app/ports.ts";
import { type Bank, createSlowProvider, type Fate, type WaitingCall } from "./slow-provider.ts";

/** A task that is being driven, up to its next call to the provider. */
export interface Drive {
  readonly task: ProviderTask;
  /** The call that waits for its fate; undefined once the task is driven. */
  call: WaitingCall | undefined;
  /** What driving it failed with. */
  failure: unknown;
}

/** The payment driver in the hands of a test: everything between two calls to the provider is one step. */
export interface HandDriver {
  /** Drives under way. */
  readonly drives: readonly Drive[];
  /** Calls of processes that died, which may still reach the provider. */
  readonly inTransit: readonly WaitingCall[];
  /** Begins a task and resolves at its first call, or at its end. */
  begin(task: ProviderTask): Promise<Drive>;
  /** Lets the waiting call of a drive meet its fate and resolves at the next call, or at the end. */
  go(drive: Drive, fate: Fate): Promise<void>;
  /** Lets the process die: nothing under way is heard of again, but for calls that are on their way. */
  crash(): void;
  /** Lets the oldest call in transit reach the provider. */
  arrive(): void;
}

/** Opens a driver over the real store and a bank. */
export function createHandDriver(deps: { payments: PaymentStore; bank: Bank; now: () => number }): HandDriver {
  const { payments, bank, now } = deps;
  const signal = new AbortController().signal;
  const drives: Drive[] = [];
  const inTransit: WaitingCall[] = [];
  /** For each drive, what it says when it calls or ends. */
  const turns = new Map<Drive, PromiseWithResolvers<void>>();

  const nextTurn = (drive: Drive) => {
    const turn = Promise.withResolvers<void>();
    turns.set(drive, turn);
    return turn.promise;
  };

  return {
    drives,
    inTransit,
    async begin(task) {
      const drive: Drive = { task, call: undefined, failure: undefined };
      const turn = nextTurn(drive);
      const provider = createSlowProvider(bank, (call) => {
        drive.call = call;
        turns.get(drive)?.resolve();
      });
      drives.push(drive);
      const end = (failure?: unknown) => {
        drive.failure = failure;
        if (drives.includes(drive)) drives.splice(drives.indexOf(drive), 1);
        turns.get(drive)?.resolve();
      };
      createDrivePayment({ payments, provider, now })(task, signal).then(() => end(), end);
      await turn;
      return drive;
    },
    async go(drive, fate) {
      const { call } = drive;
      const turn = nextTurn(drive);
      drive.call = undefined;
      call?.end(fate);
      await turn;
    },
    crash() {
      for (const drive of drives.splice(0)) if (drive.call !== undefined) inTransit.push(drive.call);
    },
    arrive() {
      inTransit.shift()?.arrive();
    },
  };
}
