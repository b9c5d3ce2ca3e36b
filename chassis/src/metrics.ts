import prom from "prom-client";

/** Bounds of a histogram of what takes milliseconds, and seconds when it goes wrong. */
export const durationBucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

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
