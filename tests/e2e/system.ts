import type { AuditPort } from "../../tools/audit/audit.ts";
import type { AuditSource } from "../../tools/audit/finding.ts";
import type { ServiceName } from "../../tools/stack/stack-config.ts";

/** A part that can be taken away. */
export type PartName = ServiceName | "envoy" | "rabbitmq";

/** A whole running shop, however it runs, as the end-to-end tests see it. The audit can look into it. */
export interface System extends AuditPort {
  /** Base URL of the gateway. */
  readonly gateway: string;
  readonly admin: { readonly email: string; readonly password: string };
  /** Ends a part in order and keeps it down. */
  stop(part: PartName): Promise<void>;
  /** Starts a part again; resolves when it is ready and the gateway reaches it. */
  start(part: PartName): Promise<void>;
  /** Ends a part with SIGKILL; resolves when it is back like after `start`. */
  kill(part: PartName): Promise<void>;
  /** Resolves when every part is ready. */
  ready(): Promise<void>;
  /** What a service has logged so far. */
  logs(service: ServiceName): Promise<string>;
  /** Reads from a service's database, or from the test provider's record, beside the running service. */
  query<Row>(source: AuditSource, sql: string): Promise<Row[]>;
  close(): Promise<void>;
}
