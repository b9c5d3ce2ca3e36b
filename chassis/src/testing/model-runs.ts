import fc from "fast-check";

/** Most commands of one run. */
const commandsMax = 50;
/** Runs when NUM_RUNS does not say otherwise. */
const usualRuns = 200;
/** Allowed for one run, on a machine that has other things to do as well. */
const runTimeMaxMs = 500;
/** Allowed besides: for making a failure as small as it gets. */
const shrinkTimeMaxMs = 120_000;

/** What a run works on: what should be true, what is, and the end of it. */
export interface OpenedModel<Model, Real> {
  readonly model: Model;
  readonly real: Real;
  close(): Promise<void>;
}

/** What is checked, and by what. */
export interface ModelCheck<Model extends object, Real> {
  /** Path of the test from the root, to name it in the line that repeats a failure. */
  readonly file: string;
  readonly commands: readonly fc.Arbitrary<fc.AsyncCommand<Model, Real, true>>[];
  /** Opens both afresh. What a command leaves to `scheduler` goes on while others run, in whichever order that finds. */
  open(scheduler: fc.Scheduler): Promise<OpenedModel<Model, Real>>;
  /** What must hold once everybody has done what is left to do. */
  atRest(model: Model, real: Real): Promise<void>;
  /** Rare ways to take: each must have been taken by one of the runs, or the runs say less than they seem to. */
  readonly wanted: readonly string[];
  /** Whether commands leave something to the scheduler. */
  readonly isInterleaved?: boolean;
}

/** Says that a rare way was taken. */
export type Reached = (way: string) => void;

/** How long the runs that the environment asks for may take. */
export function modelTimeMaxMs(): number {
  return shrinkTimeMaxMs + numberOf("NUM_RUNS", usualRuns) * runTimeMaxMs;
}

/**
 * Runs sequences of commands on the real thing and on a model of it, NUM_RUNS times (200), and rejects with the shortest
 * sequence found on which the two disagree, and with the command line that runs it again. SEED repeats all runs, with
 * RUN_PATH and REPLAY_PATH a single one.
 */
export async function checkModel<Model extends object, Real>(
  check: (reached: Reached) => ModelCheck<Model, Real>,
): Promise<void> {
  const [numRuns, seed] = [numberOf("NUM_RUNS", usualRuns), numberOf("SEED", Math.floor(Math.random() * 2 ** 31))];
  const { RUN_PATH: path, REPLAY_PATH: replayPath } = process.env;
  const taken = new Map<string, number>();
  const { file, commands, open, atRest, wanted, isInterleaved } = check((way) =>
    taken.set(way, (taken.get(way) ?? 0) + 1),
  );

  let commandsRun = 0;
  const sequences = fc.commands([...commands], { maxCommands: commandsMax, size: "max", replayPath });
  const property = fc.asyncProperty(fc.scheduler(), sequences, async (scheduler, sequence) => {
    const opened = await open(scheduler);
    const { model, real } = opened;
    const setup = () => ({ model, real });
    try {
      if (isInterleaved) await fc.scheduledModelRun(scheduler, setup, counted(sequence));
      else await fc.asyncModelRun(setup, counted(sequence));
      await atRest(model, real);
    } finally {
      await opened.close();
    }
  });
  function* counted(sequence: Iterable<fc.AsyncCommand<Model, Real, true>>) {
    for (const command of sequence) {
      commandsRun += 1;
      yield command;
    }
  }

  const details = await fc.check(property, { numRuns, seed, ...(path && { path, endOnFailure: true }) });
  if (details.failed) throw disagreement(file, details);
  const ways = wanted.map((way) => `${way} ${taken.get(way) ?? 0}`).join(", ");
  console.log(`      ${details.numRuns} runs, ${commandsRun} commands, seed ${seed}: ${ways}`);
  const missed = path ? [] : wanted.filter((way) => !taken.has(way));
  if (missed.length > 0) throw new Error(`no run took these ways: ${missed.join(", ")}; SEED=${seed}`);
}

function disagreement<T>(file: string, details: fc.RunDetails<T>): Error {
  const { seed, counterexample, counterexamplePath, numRuns, numShrinks, errorInstance: cause } = details;
  const replayPath = /\/\*replayPath=(".*?")\*\//.exec(String(counterexample))?.[1] ?? '""';
  const lines = [
    fc.defaultReportMessage(details),
    `After ${numRuns} run(s) and ${numShrinks} shrink(s). Once more: SEED=${seed} RUN_PATH="${counterexamplePath}" REPLAY_PATH=${replayPath} make test TESTS=${file}`,
  ];
  return new Error(lines.join("\n\n"), { cause });
}

function numberOf(variable: string, fallback: number): number {
  const text = process.env[variable];
  if (text === undefined || text === "") return fallback;
  if (!/^-?\d+$/.test(text)) throw new Error(`${variable} must be a whole number, not "${text}"`);
  return Number(text);
}
