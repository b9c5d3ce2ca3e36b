import type { Manifest } from "./manifest.ts";
import type { Replayed } from "./replay.ts";
import type { Restored } from "./restore.ts";

/** What a backup holds, in lines. */
export function describeBackup({ cutTime, files }: Manifest): readonly string[] {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return [`Backed up ${files.length} files of ${cutTime}, ${(bytes / 1e6).toFixed(1)} MB, checked.`];
}

/** What will be published again, in lines. */
export function describeReplayed(replayed: Replayed): readonly string[] {
  const marked = [...replayed].filter(([, count]) => count > 0);
  if (marked.length === 0) return ["No event has to be published again."];
  return marked.map(([service, count]) => `${count} events of ${service} will be published again.`);
}

/** What a restore has done and what is left to do, in lines. */
export function describeRestored({ manifest, replayed, replacedName }: Restored): readonly string[] {
  return [
    `Everything is as it was at ${manifest.cutTime}. What was there before is kept as ${replacedName} beside each database.`,
    ...describeReplayed(replayed),
    "What was acknowledged after that moment is lost. `make up`, then `make audit`: it names what others know of it.",
  ];
}
