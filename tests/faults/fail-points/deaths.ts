/** What a fail point wrote before it killed its process. */
export interface Death {
  readonly time: string;
  readonly pid: number;
  readonly fail_point: string;
  readonly what?: string;
  readonly passage: number;
}

/** The deaths at fail points that a log tells of, in their order. */
export function deathsIn(log: string): Death[] {
  return log
    .split("\n")
    .filter((line) => line.includes('"msg":"fail point"'))
    .map((line) => JSON.parse(line) as Death);
}

/** A death, or a setting of FAIL_POINT, without what differs from one process to the next. */
export function placeOf(death: string | Death): string {
  if (typeof death === "string") return death.replace(/#\d+$/, "");
  return death.what === undefined ? death.fail_point : `${death.fail_point}:${death.what}`;
}
