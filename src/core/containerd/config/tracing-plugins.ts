/** The plugin tables that hold settings of traces in config.toml. */
export const tracingPlugins = {
  exporter: "io.containerd.tracing.processor.v1.otlp",
  tracing: "io.containerd.internal.v1.tracing",
} as const;
