import { importsOf } from "./imports.ts";
import type { Rule, SourceTree } from "./source-tree.ts";

/** A program that a stage of a Dockerfile runs while it is built, and the paths that are in the stage by then. */
interface Run {
  readonly dockerfile: string;
  readonly program: string;
  readonly copied: readonly string[];
}

/** What must hold for the images to build, told from their Dockerfiles, as most machines cannot build them. */
export const imageRules: readonly Rule[] = [
  {
    sentence: "a stage of an image has the files that its programs import",
    violations: (tree) =>
      [...tree]
        .filter(([path]) => path.endsWith("/Dockerfile"))
        .flatMap(([path, text]) => runsIn(path, text))
        .flatMap(({ dockerfile, program, copied }) =>
          [...reached(tree, program)]
            .filter((file) => !copied.some((source) => file === source || file.startsWith(`${source}/`)))
            .map((file) => `${dockerfile}: runs ${program} without ${file}`),
        ),
    refused: [
      { "a/Dockerfile": "FROM node\nCOPY tools/a.ts tools/\nRUN node tools/a.ts", "tools/a.ts": `import "./b.ts";` },
      { "a/Dockerfile": "FROM node AS a\nCOPY tools tools\nFROM node\nRUN node tools/a.ts", "tools/a.ts": "" },
      { "a/Dockerfile": "FROM node\nCOPY --from=a tools/a.ts tools/\nRUN node tools/a.ts", "tools/a.ts": "" },
    ],
    accepted: {
      "a/Dockerfile": "FROM node AS a\nCOPY tools/a.ts tools/c tools/\nFROM a\nRUN true && node tools/a.ts x",
      "tools/a.ts": `import "./c/b.ts";\nimport type { D } from "./d.ts";`,
      "tools/c/b.ts": "",
      "tools/d.ts": "",
    },
  },
];

/** The programs that a Dockerfile runs in its order, where a stage has what the stage has that it begins with. */
function runsIn(dockerfile: string, text: string): Run[] {
  const stages = new Map<string, readonly string[]>();
  const runs: Run[] = [];
  let copied: readonly string[] = [];
  let stage = "";
  for (const line of text.replaceAll("\\\n", " ").split("\n")) {
    const [instruction, ...words] = line.trim().split(/\s+/);
    if (instruction === "FROM") {
      copied = stages.get(words[0] ?? "") ?? [];
      stage = words[2] ?? "";
    } else if (instruction === "COPY" && !words[0]?.startsWith("--")) {
      copied = [...copied, ...words.slice(0, -1)];
    } else if (instruction === "RUN") {
      for (const [, program = ""] of line.matchAll(/\bnode ([\w./-]+\.ts)\b/g))
        runs.push({ dockerfile, program, copied });
    }
    stages.set(stage, copied);
  }
  return runs;
}

/** A file and all that it imports at run time from the tree, directly or not. */
function reached(tree: SourceTree, start: string): ReadonlySet<string> {
  const files = new Set([start]);
  for (const file of files) {
    for (const { specifier, target, isTypeOnly } of importsOf(file, tree.get(file) ?? "")) {
      if (specifier.startsWith(".") && !isTypeOnly) files.add(target);
    }
  }
  return files;
}
