/**
 * What went wrong, in the words every transport understands. Closed: the RPC layer maps each kind to one gRPC code, and
 * the compiler proves the mapping total.
 */
export type ErrorKind =
  | "invalid"
  | "not_found"
  | "already_exists"
  | "failed_precondition"
  | "aborted"
  | "permission_denied"
  | "unauthenticated"
  | "resource_exhausted"
  | "deadline_exceeded"
  | "unavailable";

/** One field of a request that is wrong, by its path in the contract, as in `lines[2].quantity`. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** What an error carries besides its message. */
export interface ErrorDetails {
  /** Everything variable in the message, for programs. Sent to the caller: no secrets. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldViolation[];
  /** After how many milliseconds the caller may try again, where waiting helps. */
  readonly retryDelayMs?: number;
  readonly cause?: unknown;
}

/**
 * An error the caller is meant to see, with a reason that programs can rely on. Any other error is a defect or an
 * accident: it is logged, and the caller learns nothing but "internal error".
 */
export class DomainError extends Error {
  readonly kind: ErrorKind;
  /** UPPER_SNAKE_CASE, part of the contract. */
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  readonly retryDelayMs: number | undefined;

  constructor(kind: ErrorKind, reason: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "DomainError";
    this.kind = kind;
    this.reason = reason;
    this.metadata = details.metadata ?? {};
    this.fields = details.fields ?? [];
    this.retryDelayMs = details.retryDelayMs;
  }
}

/** An `invalid` error about one field. */
export function invalidField(reason: string, field: string, description: string): DomainError {
  return new DomainError("invalid", reason, `${field}: ${description}`, { fields: [{ field, description }] });
}

/** An `invalid` error INVALID_FIELDS about one or more fields; its message says what is wrong with the first. */
export function invalidFields(fields: readonly [FieldViolation, ...FieldViolation[]], cause?: unknown): DomainError {
  const [first, ...others] = fields;
  const where = first.field === "" ? "" : `${first.field}: `;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  return new DomainError("invalid", "INVALID_FIELDS", `${where}${first.description}${more}`, { fields, cause });
}

/** An `already_exists` error REQUEST_ID_REUSED: a request id stands for one request, and this one was another. */
export function requestIdReused(requestId: string): DomainError {
  const description = "was used before for a request with other content";
  return new DomainError("already_exists", "REQUEST_ID_REUSED", `request_id ${description}`, {
    metadata: { request_id: requestId },
    fields: [{ field: "request_id", description }],
  });
}

/**
 * Lets a change pass that expects the version a resource has, or expects none. Throws `aborted` ETAG_MISMATCH otherwise:
 * the caller has to read again what it wanted to change.
 */
export function requireVersion(current: number, expected: number | undefined): void {
  if (expected === undefined || expected === current) return;
  const description = "the resource has changed since";
  throw new DomainError("aborted", "ETAG_MISMATCH", `etag: ${description}`, {
    fields: [{ field: "etag", description }],
  });
}
