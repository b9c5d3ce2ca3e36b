import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { MessageResult } from "@quartet/chassis/storage/unit-of-work";
import type { DeletedUsers } from "./ports.ts";

export type RecordUserDeleted = (userId: string, message: IncomingMessage) => Promise<MessageResult>;

/**
 * Creates the command that records the deletion of an account: no new order from then on. The orders that are open are left
 * to a worker, which `onRecorded` wakes, because they may be more than one transaction should hold.
 */
export function createRecordUserDeleted(deps: {
  deletedUsers: Pick<DeletedUsers, "record">;
  onRecorded: () => void;
}): RecordUserDeleted {
  return async (userId, message) => {
    const result = await deps.deletedUsers.record(userId, message);
    deps.onRecorded();
    return result;
  };
}
