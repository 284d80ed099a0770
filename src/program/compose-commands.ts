import type { Ports } from "../agent/ports.ts";
import type { BundleCommands } from "../cli/bundle-commands.ts";
import type { CommandIo, ExitCode } from "../cli/command.ts";
import type { Commands, ConfigOptions, GlobalOptions } from "../cli/commands.ts";
import type { FleetCommands } from "../cli/fleet-commands.ts";
import type { NodeDeps } from "../cli/node-deps.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import type { EffectiveSetting } from "../core/agent-config/parse-agent-config.ts";
import { formatIssue } from "../core/issue.ts";
import { isJournal } from "../host/journal-stream.ts";
import { composeFleetStoreCommands } from "./compose-fleet-store.ts";
import type { NodeSetup } from "./compose-node.ts";

/**
 * Every command with its adapters. Each loads only what it needs when it runs: `version` and completion must not
 * wait for gRPC, nor `validate` for the machine's adapters.
 */
export function composeCommands(createIo: (options: GlobalOptions) => CommandIo): Commands {
  const onNode = async (
    options: ConfigOptions,
    run: (node: OnNode) => Promise<ExitCode>,
    isChange = false,
  ): Promise<ExitCode> => {
    const io = createIo(options);
    const loaded = await configure(options, io);
    if (loaded === undefined) return 78;
    const { composeNode } = await import("./compose-node.ts");
    if (isChange && !(await isSafe(loaded.config, options.root, io))) return 78;
    const setup = { config: loaded.config, root: options.root, log: await createLog(loaded.config) };
    return run({ setup, deps: composeNode(setup), io, settings: loaded.settings });
  };
  return {
    async agent(options) {
      const io = createIo(options);
      const loaded = await configure(options, io);
      if (loaded === undefined) return 78;
      if (options.printConfig) {
        const { printConfig } = await import("../cli/print-config.ts");
        return printConfig(loaded.settings, io);
      }
      if (!(await isSafe(loaded.config, options.root, io))) return 78;
      const { serveAgent } = await import("./serve-agent.ts");
      const log = await createLog(loaded.config);
      return serveAgent({ config: loaded.config, root: options.root, log }, io);
    },
    apply: (files, options) =>
      onNode(
        options,
        async ({ deps, io }) => {
          const { apply } = await import("../cli/apply.ts");
          return apply(files, options, io, deps);
        },
        true,
      ),
    plan: (files, options) =>
      onNode(options, async ({ deps, io }) => {
        const { plan } = await import("../cli/plan.ts");
        return plan(files, options, io, deps);
      }),
    restore: (options) =>
      onNode(
        options,
        async ({ deps, io }) => {
          const { restore } = await import("../cli/restore.ts");
          return restore(options, io, deps);
        },
        true,
      ),
    status: (options) =>
      onNode(options, async ({ setup, deps, io }) => {
        const [{ status }, { statusDeps }] = await Promise.all([
          import("../cli/status.ts"),
          import("./compose-status.ts"),
        ]);
        return status(options, io, statusDeps(setup, deps));
      }),
    explain: (image, options) =>
      onNode(options, async ({ setup, deps, io }) => {
        const [{ explain }, { explainDeps }] = await Promise.all([
          import("../cli/explain.ts"),
          import("./compose-explain.ts"),
        ]);
        return explain(image, options, io, explainDeps(setup, portsOf(deps)));
      }),
    doctor: (options) =>
      onNode(options, async ({ setup, deps, io, settings }) => {
        const [{ doctor }, { doctorError }, { doctorDeps, doctorErrorDeps }] = await Promise.all([
          import("../cli/doctor.ts"),
          import("../cli/doctor-error.ts"),
          import("./compose-doctor.ts"),
        ]);
        const { error } = options;
        if (error !== undefined)
          return doctorError({ ...options, error }, io, doctorErrorDeps(setup, portsOf(deps), settings));
        return doctor(options, io, doctorDeps(setup, portsOf(deps), settings));
      }),
    render: (files, options) =>
      onNode(options, async ({ setup, deps, io }) => {
        const { render } = await import("../cli/render.ts");
        const { renderDeps } = await import("./compose-render.ts");
        return render(files, options, io, renderDeps(setup, portsOf(deps)));
      }),
    async validate(files, options) {
      const [{ validate }, { validateDeps }] = await Promise.all([
        import("../cli/validate.ts"),
        import("./compose-validate.ts"),
      ]);
      return validate(files, options, createIo(options), validateDeps(options));
    },
    async version(options) {
      const { version } = await import("../cli/version.ts");
      return version(createIo(options));
    },
    async push(sources, options) {
      const [{ push }, { pushDeps }] = await Promise.all([
        import("../cli/push.ts"),
        import("./compose-push.ts"),
      ]);
      return push(sources, options, createIo(options), pushDeps());
    },
    async dump(images, options) {
      const [{ dump }, { dumpDeps }] = await Promise.all([
        import("../cli/dump.ts"),
        import("./compose-dump.ts"),
      ]);
      return dump(images, options, createIo(options), dumpDeps());
    },
    bundle: {
      ...composeBundleCommands(createIo),
      check: (options) =>
        onNode(options, async ({ setup, deps, io }) => {
          const [{ bundleCheck }, { checkDeps }] = await Promise.all([
            import("../cli/bundle-check.ts"),
            import("./compose-bundle-check.ts"),
          ]);
          return bundleCheck(options, io, checkDeps(setup, portsOf(deps)));
        }),
    },
    fleet: composeFleetCommands(createIo),
  };
}

function composeBundleCommands(
  createIo: (options: GlobalOptions) => CommandIo,
): Omit<BundleCommands, "check"> {
  const compose = () => import("./compose-bundle.ts");
  return {
    async ls(sources, options) {
      const [{ bundleLs }, { bundleDeps }] = await Promise.all([import("../cli/bundle-ls.ts"), compose()]);
      return bundleLs(sources, createIo(options), bundleDeps());
    },
    async verify(sources, options) {
      const [{ bundleVerify }, { bundleDeps }] = await Promise.all([
        import("../cli/bundle-verify.ts"),
        compose(),
      ]);
      return bundleVerify(sources, options, createIo(options), bundleDeps());
    },
  };
}

function composeFleetCommands(createIo: (options: GlobalOptions) => CommandIo): FleetCommands {
  const compose = () => import("./compose-fleet.ts");
  return {
    async keygen(options) {
      const [{ fleetKeygen }, { keygenDeps }] = await Promise.all([
        import("../cli/fleet-keygen.ts"),
        compose(),
      ]);
      return fleetKeygen(options, createIo(options), keygenDeps);
    },
    async sign(files, options) {
      const [{ fleetSign }, { signDeps }] = await Promise.all([import("../cli/fleet-sign.ts"), compose()]);
      return fleetSign(files, options, createIo(options), signDeps(options.root));
    },
    async verify(file, options) {
      const [{ fleetVerify }, { verifyDeps }] = await Promise.all([
        import("../cli/fleet-verify.ts"),
        compose(),
      ]);
      return fleetVerify(file, options, createIo(options), verifyDeps);
    },
    async control(options) {
      const { serveControl } = await import("./serve-control.ts");
      return serveControl(options, createIo(options), createLog);
    },
    async serve(options) {
      const { composeServe } = await import("./compose-serve.ts");
      return composeServe(options, createIo(options), createLog);
    },
    store: composeFleetStoreCommands(createIo),
  };
}

interface OnNode {
  readonly setup: NodeSetup;
  readonly deps: NodeDeps;
  readonly io: CommandIo;
  /** Each with where it came from. */
  readonly settings: readonly EffectiveSetting[];
}

function portsOf(deps: NodeDeps): Ports {
  return deps.createContext({ sources: [], adopt: false, mayRestart: false, retryQuarantined: false }).ports;
}

async function isSafe(config: AgentConfig, root: string, io: CommandIo): Promise<boolean> {
  const { findUnsafePlace } = await import("./find-unsafe-place.ts");
  const unsafe = await findUnsafePlace(config, root);
  if (unsafe !== undefined) io.stderr(`mirrorlet: ${unsafe}\n`);
  return unsafe === undefined;
}

/** The effective configuration; undefined when it is wrong, which has then been said. */
async function configure(
  options: ConfigOptions,
  io: CommandIo,
): Promise<{ config: AgentConfig; settings: readonly EffectiveSetting[] } | undefined> {
  const { loadConfig } = await import("./load-config.ts");
  const { root, config, set } = options;
  const loaded = await loadConfig({ root, config, set });
  for (const issue of loaded.ok ? loaded.warnings : loaded.issues) io.stderr(`${formatIssue(issue)}\n`);
  if (!loaded.ok) {
    io.stderr("mirrorlet: the agent's configuration is wrong, nothing was done\n");
    return undefined;
  }
  return loaded;
}

async function createLog({ logLevel }: Pick<AgentConfig, "logLevel">) {
  const { createLog } = await import("../host/log.ts");
  const isTerminal = process.stderr.isTTY === true;
  const form = isTerminal ? "terminal" : isJournal(process.env) ? "journal" : "json";
  return createLog({ level: logLevel, form, color: isTerminal && process.stderr.hasColors() });
}
