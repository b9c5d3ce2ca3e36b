/** How a stream of responses ended: to its end, given up by the reader, or by an error. */
export type StreamOutcome =
  | { readonly kind: "done" | "abandoned" }
  | { readonly kind: "failed"; readonly error: unknown };

/** What an interceptor does around a stream of responses. */
export interface StreamHooks<T> {
  /** Runs a part of the stream, in a context for instance. */
  run?<R>(work: () => R): R;
  /** Takes the next response; may race it or translate its error. */
  step?(next: () => Promise<IteratorResult<T>>): Promise<IteratorResult<T>>;
  /** Called once, when nothing more will come. */
  end?(outcome: StreamOutcome): void;
}

/**
 * Wraps a stream of responses. Interceptors need it because `next` answers before the method has run: the steps of a
 * stream run later, when and where its reader asks for them. When a step fails, the stream below is told to stop.
 */
export function wrapStream<T>(stream: AsyncIterable<T>, hooks: StreamHooks<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => wrapIterator(stream[Symbol.asyncIterator](), hooks) };
}

function wrapIterator<T>(inner: AsyncIterator<T>, hooks: StreamHooks<T>): AsyncIterator<T> {
  const run = hooks.run ?? ((work) => work());
  const step = hooks.step ?? ((next) => next());
  let ended = false;
  const end = (outcome: StreamOutcome): void => {
    if (ended) return;
    ended = true;
    run(() => hooks.end?.(outcome));
  };
  // Not awaited: a generator that waits for something answers only when that has come.
  const stop = (): void => {
    run(() => inner.return?.())?.catch(() => {});
  };
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
