/** What a visit to the shop needs to know. */
export interface VisitOptions {
  /** Base URL of the gateway, which is of another origin than the page. */
  readonly gateway: string;
  /** Address to sign up with. */
  readonly email: string;
  /** Word to look for among the products; the cheapest that is found is ordered. */
  readonly search: string;
}

/** Adds a step to the page: its name, and what came of it. */
export type Show = (name: string, value: unknown) => void;
