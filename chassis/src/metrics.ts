import prom from "prom-client";

/** The metrics of one service. Parts register theirs in `registry`, so that two services can live in one process. */
export interface Metrics {
  readonly registry: prom.Registry;
  /** Adds a gauge, whose value is asked for whenever the metrics are. */
  addGauge(gauge: { name: string; help: string; value: () => number }): void;
  /** The text that GET /metrics answers, and its content type. */
  expose(): Promise<{ contentType: string; body: string }>;
}

/** Creates the metrics of a service; every one carries the label `service`. */
export function createMetrics(options: { service: string; processMetrics?: boolean }): Metrics {
  const registry = new prom.Registry();
  registry.setDefaultLabels({ service: options.service });
  if (options.processMetrics === true) prom.collectDefaultMetrics({ register: registry });
  return {
    registry,
    addGauge({ name, help, value }) {
      const registers = [registry];
      new prom.Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    },
    expose: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
