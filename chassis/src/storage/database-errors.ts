import { DomainError } from "../domain-error.ts";

const retryDelayMs = 1_000;

/** Whether the error says that another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY");
}

/** Whether the error says that the file is not whole, no database at all, or on a disk that cannot read or write it. */
export function isDamaged(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^SQLITE_(CORRUPT|NOTADB|IOERR)/.test(String(error.code));
}

/** Why a change was not stored, to its caller: unavailable DATABASE_BUSY or DATABASE_UNAVAILABLE. */
export function databaseUnavailable(cause: unknown): DomainError {
  return isBusy(cause)
    ? new DomainError("unavailable", "DATABASE_BUSY", "another process is writing", { cause, retryDelayMs })
    : new DomainError("unavailable", "DATABASE_UNAVAILABLE", "the change could not be stored", { cause });
}

/** For work that comes while the database is closed: unavailable DATABASE_CLOSED. */
export function databaseClosed(): DomainError {
  return new DomainError("unavailable", "DATABASE_CLOSED", "the service is stopping");
}

/** For work beyond what may wait: resource_exhausted DATABASE_OVERLOADED. */
export function databaseOverloaded(): DomainError {
  return new DomainError("resource_exhausted", "DATABASE_OVERLOADED", "too many changes wait", { retryDelayMs });
}

/** For work whose caller no longer waits: deadline_exceeded DEADLINE_EXCEEDED. Nothing was begun. */
export function callerNoLongerWaits(): DomainError {
  return new DomainError("deadline_exceeded", "DEADLINE_EXCEEDED", "the deadline passed before the change was begun");
}
