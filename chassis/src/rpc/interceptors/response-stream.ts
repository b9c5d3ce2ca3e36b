import { AsyncLocalStorage } from "node:async_hooks";

/** How a stream of responses ended: to its end, given up by the reader, or by an error. */
export type StreamOutcome =
  | { readonly kind: "done" | "abandoned" }
  | { readonly kind: "failed"; readonly error: unknown };

type Run = <R>(work: () => R) => R;

/** What an interceptor does around a stream of responses. */
export interface StreamHooks<T> {
  /** Runs a part of the stream. By default in the context in which the stream was wrapped. */
  readonly run?: Run;
  /** Takes the next response; may race it or translate its error. */
  step?(next: () => Promise<IteratorResult<T>>): Promise<IteratorResult<T>>;
  /** When it is aborted, the stream below is told to stop, even while nobody reads. */
  readonly signal?: AbortSignal;
  /** Called once, when nothing more will come. */
  end?(outcome: StreamOutcome): void;
}

/**
 * Wraps a stream of responses. Interceptors need it because `next` answers before the method has run: the steps of a
 * stream run later, when and where its reader asks for them. When a step fails, the stream below is told to stop.
 */
export function wrapStream<T>(stream: AsyncIterable<T>, hooks: StreamHooks<T>): AsyncIterable<T> {
  const inContext: Run = AsyncLocalStorage.snapshot();
  return { [Symbol.asyncIterator]: () => wrapIterator(stream[Symbol.asyncIterator](), hooks, inContext) };
}

function wrapIterator<T>(inner: AsyncIterator<T>, hooks: StreamHooks<T>, inContext: Run): AsyncIterator<T> {
  const run = hooks.run ?? inContext;
  const step = hooks.step ?? ((next) => next());
  // Not awaited: a generator that waits for something answers only when that has come.
  const stop = (): void => {
    run(() => inner.return?.())?.catch(() => {});
  };
  let ended = false;
  const end = (outcome: StreamOutcome): void => {
    if (ended) return;
    ended = true;
    hooks.signal?.removeEventListener("abort", stop);
    run(() => hooks.end?.(outcome));
  };
  hooks.signal?.addEventListener("abort", stop, { once: true });
  return {
    async next() {
      try {
        const result = await run(() => step(() => inner.next()));
        if (result.done === true) end({ kind: "done" });
        return result;
      } catch (error) {
        end({ kind: "failed", error });
        stop();
        throw error;
      }
    },
    async return(value) {
      end({ kind: "abandoned" });
      stop();
      return { done: true, value };
    },
    async throw(error) {
      end({ kind: "failed", error });
      stop();
      throw error;
    },
  };
}
