import { chassisMutants } from "./chassis-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { serviceMutants } from "./service-mutants.ts";

/** All mutants, by what they break. */
export const mutants: readonly Mutant[] = [...chassisMutants, ...serviceMutants];
