/** How a stream of responses ended: to its end, given up by the reader, or by an error. */
export type StreamOutcome =
  | { readonly kind: "done" | "abandoned" }
  | { readonly kind: "failed"; readonly error: unknown };

/** What an interceptor does around a stream of responses. */
export interface StreamHooks<T> {
  /** Runs one step of the stream; may run it in a context, race it, or translate its error. */
  step?(next: () => Promise<IteratorResult<T>>): Promise<IteratorResult<T>>;
  /** Called once, when nothing more will come. */
  end?(outcome: StreamOutcome): void;
}

/**
 * Wraps a stream of responses. Interceptors need it because `next` answers before the method has run: the steps of a
 * stream run later, when and where its reader asks for them.
 */
export function wrapStream<T>(stream: AsyncIterable<T>, hooks: StreamHooks<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => wrapIterator(stream[Symbol.asyncIterator](), hooks) };
}

function wrapIterator<T>(inner: AsyncIterator<T>, hooks: StreamHooks<T>): AsyncIterator<T> {
  const step = hooks.step ?? ((next) => next());
  let ended = false;
  const end = (outcome: StreamOutcome): void => {
    if (ended) return;
    ended = true;
    hooks.end?.(outcome);
  };
  return {
    async next() {
      try {
        const result = await step(() => inner.next());
        if (result.done === true) end({ kind: "done" });
        return result;
      } catch (error) {
        end({ kind: "failed", error });
        throw error;
      }
    },
    async return(value) {
      const returned = inner.return === undefined ? undefined : step(async () => inner.return?.(value) ?? done(value));
      end({ kind: "abandoned" });
      return (await returned) ?? done(value);
    },
    async throw(reason) {
      end({ kind: "failed", error: reason });
      if (inner.throw === undefined) throw reason;
      return inner.throw(reason);
    },
  };
}

function done<T>(value: unknown): IteratorResult<T> {
  return { done: true, value };
}
