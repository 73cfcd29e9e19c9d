/** `/metrics`: a metric reader that collects when asked and renders the exporter's own text; no server, no timer. */
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { type MetricProducer, MetricReader } from '@opentelemetry/sdk-metrics';

export class PrometheusText extends MetricReader {
  // No prefix, no timestamps, no resource labels on every line; `target_info` says once who this is.
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, false, true);

  constructor(producer: MetricProducer) {
    super({ metricProducers: [producer] });
  }

  async text(): Promise<string> {
    const { resourceMetrics } = await this.collect();
    return this.#serializer.serialize(resourceMetrics);
  }

  protected override async onShutdown(): Promise<void> {}

  protected override async onForceFlush(): Promise<void> {}
}
