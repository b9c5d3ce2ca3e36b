/** A reason why the stack cannot do what was asked. The message is one sentence for the person at the terminal. */
export class StackError extends Error {
  override readonly name = "StackError";
}
