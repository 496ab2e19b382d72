import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { z } from 'zod';
import { CARRIER_SECRETS } from '../support/carrier-signature';
import { settingsSchema } from '../../platform/config';
import { SECRET_SETTINGS } from '../../platform/secret-settings';

const ROOT = join(__dirname, '..', '..');

const serviceSchema = z.object({
  image: z.string(),
  build: z.unknown().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  ports: z.array(z.string()).optional(),
  healthcheck: z.unknown().optional(),
  restart: z.string().optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
  read_only: z.boolean().optional(),
  tmpfs: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  privileged: z.boolean().optional(),
  user: z.string().optional(),
  volumes: z.array(z.string()).optional(),
});
const composeSchema = z.object({ services: z.record(z.string(), serviceSchema) });

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function readCompose() {
  return parse(read('docker-compose.yml'), { merge: true }) as unknown;
}

describe('docker-compose.yml', () => {
  const { services } = composeSchema.parse(readCompose());
  const ours = Object.entries(services).filter(([, service]) => service.build !== undefined);

  it('is valid by the JSON schema of the Compose Specification', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats(ajv);
    ajv.addFormat('duration', /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/);
    const validate = ajv.compile(JSON.parse(read('test/deploy/compose-spec.json')) as object);
    validate(readCompose());
    expect(validate.errors).toBeNull();
    validate({ services: { api: { image: 'holdfast', restarts: 'always' } } });
    expect(validate.errors).not.toBeNull();
  });

  it('sets only variables that Holdfast reads, to values that it accepts', () => {
    expect(ours.map(([name]) => name)).toEqual(['migrate', 'worker', 'deploy', 'api']);
    for (const [, { environment = {} }] of ours) {
      const resolved = Object.fromEntries(
        Object.entries(environment).map(([name, value]) => [name, substitute(value)]),
      );
      const given = Object.fromEntries(Object.entries(resolved).filter(([, value]) => value !== ''));
      expect(z.strictObject(settingsSchema.shape).safeParse(given).error).toBeUndefined();
    }
  });

  it('passes every setting on that the host may want to change, to each part', () => {
    for (const [part, { environment = {} }] of ours) {
      const passed = Object.keys(environment).filter((name) => environment[name]?.includes(`\${${name}:`));
      const missing = Object.keys(settingsSchema.shape).filter(
        (name) =>
          !passed.includes(name) &&
          FIXED_BY_COMPOSE[name] === undefined &&
          (READ_BY_ONE_PART[name] ?? part) === part,
      );
      expect({ part, missing }).toEqual({ part, missing: [] });
    }
  });

  it('takes variables of the host only where Holdfast or its password is meant', () => {
    const used = [...read('docker-compose.yml').matchAll(/(?<!\$)\$\{([A-Z0-9_]+)/g)].map(
      ([, name]) => name ?? '',
    );
    const known = new Set([
      ...Object.keys(settingsSchema.shape),
      'POSTGRES_PASSWORD',
      'POSTGRES_RUNTIME_PASSWORD',
      'GRAFANA_ADMIN_PASSWORD',
    ]);
    expect(used.filter((name) => !known.has(name))).toEqual([]);
  });

  it('has no password of its own: without one it does not start', () => {
    const text = read('docker-compose.yml');
    const uses = text.match(/(POSTGRES_(RUNTIME_)?|GRAFANA_ADMIN_)PASSWORD[^}\n]*\}/g) ?? [];
    expect(uses.length).toBeGreaterThan(2);
    expect(uses.filter((use) => !use.includes(':?'))).toEqual([]);
  });

  it('lets only the migration be the owner of the schema: everything else runs as a role that owns nothing', () => {
    const userOf = (url = '') => /^postgresql:\/\/(\w+):/.exec(url)?.[1];
    for (const [part, { environment = {} }] of ours) {
      expect({ part, user: userOf(environment.DATABASE_URL) }).toEqual({ part, user: 'holdfast_runtime' });
      const owner = part === 'migrate' ? services.postgres?.environment?.POSTGRES_USER : undefined;
      expect({ part, owner: userOf(environment.DATABASE_OWNER_URL) }).toEqual({ part, owner });
    }
  });

  it('opens ports on this host only', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(0);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('runs Holdfast on files that it cannot change, with no right of the kernel and none to gain', () => {
    for (const [part, service] of ours) {
      const { read_only, tmpfs, cap_drop, security_opt, privileged, user, volumes } = service;
      expect({ part, read_only, tmpfs, cap_drop, security_opt, privileged, user, volumes }).toEqual({
        part,
        read_only: true,
        tmpfs: ['/tmp'],
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        // The image's own user, who is not root.
        user: undefined,
        privileged: undefined,
        volumes: undefined,
      });
    }
  });

  it('pins the version of every image that it does not build', () => {
    const foreign = Object.values(services).filter(({ build }) => build === undefined);
    expect(foreign.map(({ image }) => image).filter((image) => !/:v?\d+\.\d+/.test(image))).toEqual([]);
  });

  it('waits for health and for completed steps, and restarts what fails', () => {
    for (const [name, service] of Object.entries(services)) {
      expect(`${name}: ${service.restart ?? 'never'}`).toMatch(/: (unless-stopped|on-failure:\d+)$/);
      for (const [dependency, { condition }] of Object.entries(service.depends_on ?? {})) {
        const awaited = services[dependency];
        if (condition === 'service_healthy') expect(awaited?.healthcheck).toBeDefined();
        // It shows what the other has, and is of use without it.
        else if (condition === 'service_started') expect(name).toBe('grafana');
        // One that is started again for ever is never completed.
        else expect(awaited?.restart).toMatch(/^on-failure/);
      }
    }
  });
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile').split('\n');
  const lastStage = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));

  it('builds in stages on glibc, without development packages in the last one', () => {
    const stages = lines.filter((line) => line.startsWith('FROM '));
    expect(stages.length).toBeGreaterThan(1);
    expect(stages.every((stage) => stage.includes('node:24-bookworm-slim'))).toBe(true);
    expect(lines.join('\n')).toMatch(/npm ci --omit=dev/);
    expect(lastStage.join('\n')).not.toMatch(/npm (ci|install)/);
  });

  it('runs as a user that is not root', () => {
    const users = lastStage.filter((line) => line.startsWith('USER ')).map((line) => line.slice(5).trim());
    expect(users).toHaveLength(1);
    expect(['root', '0']).not.toContain(users[0]);
  });

  it('has a Node that package.json allows, and files of another user than it runs as', () => {
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
    const [, major = ''] = /node:(\d+)-/.exec(lastStage[0] ?? '') ?? [];
    expect(engines.node.split(' || ')).toContain(`>=${major}`);
    // Whatever was copied before belongs to root.
    const user = lastStage.findIndex((line) => line.startsWith('USER '));
    expect(lastStage.findLastIndex((line) => /^(COPY|ADD|RUN) /.test(line))).toBeLessThan(user);
    expect(lastStage.filter((line) => line.includes('--chown'))).toEqual([]);
  });

  it('is checked by its health', () => {
    expect(lastStage.some((line) => line.startsWith('HEALTHCHECK '))).toBe(true);
  });

  it('copies nothing that .dockerignore keeps out', () => {
    const ignore = read('.dockerignore').split('\n').filter(Boolean);
    const allowed = new Set(ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1)));
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
      .flatMap((line) => line.split(/\s+/).slice(1, -1))
      .filter((path) => path !== '.');
    expect(copied.length).toBeGreaterThan(0);
    expect(copied.filter((path) => !allowed.has(path))).toEqual([]);
    expect(ignore[0]).toBe('*');
  });

  it('is given every folder that the build compiles', () => {
    const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] };
    const allowed = read('.dockerignore').split('\n');
    expect(include.filter((folder) => !allowed.includes(`!${folder}`))).toEqual([]);
  });

  it('has a list of what is in it, made of what is left of the dependencies', () => {
    const text = lines.join('\n');
    const made = text.indexOf('&& npm sbom');
    expect(made).toBeGreaterThan(text.indexOf('rm -rf node_modules'));
    expect(made).toBeLessThan(text.lastIndexOf('FROM '));
    expect(lastStage.some((line) => /^COPY .*sbom\.json/.test(line))).toBe(true);
  });
});

describe('.env.example', () => {
  const documented = new Map(
    [...read('.env.example').matchAll(/^# ([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  );

  it('documents exactly the settings there are', () => {
    expect([...documented.keys()].sort()).toEqual(Object.keys(settingsSchema.shape).sort());
  });

  it('shows the default of each', () => {
    const defaults: Record<string, unknown> = settingsSchema.parse({});
    for (const [name, value] of documented)
      expect({ [name]: value }).toEqual({ [name]: shown(defaults[name]) });
  });

  it('changes nothing when it is copied as it is', () => {
    const effective = read('.env.example')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(effective).toEqual([]);
  });
});

function shown(value: unknown): string {
  if (value === undefined) return '';
  return Array.isArray(value) ? value.join(',') : JSON.stringify(value).replaceAll('"', '');
}

const READ_BY_ONE_PART: Readonly<Record<string, string>> = {
  ALLOWED_HOSTS: 'api',
  ALLOWED_ORIGINS: 'api',
  TEMPORAL_UI_ORIGINS: 'api',
  TRUSTED_PROXIES: 'api',
  HTTP_MAX_CONNECTIONS: 'api',
  REQUEST_HEADER_SECONDS: 'api',
  STREAMS: 'api',
  STREAMS_PER_CALLER: 'api',
  STREAMS_PER_CUSTOMER: 'api',
  LIMIT_READS: 'api',
  LIMIT_WRITES: 'api',
  LIMIT_CUSTOMER_WRITES: 'api',
  LIMIT_REPORTS: 'api',
  LIMIT_UPLOADS: 'api',
  LIMIT_WEBHOOKS: 'api',
  LIMIT_REGISTRATIONS: 'api',
  LIMIT_BAD_CREDENTIALS: 'api',
  CUSTOMER_HOLD_SECONDS: 'api',
  REPORT_POOL_SIZE: 'api',
  WORKER_ADMIN_PORT: 'worker',
};

/** Settings that a host cannot change in containers, and why. */
const FIXED_BY_COMPOSE: Readonly<Record<string, string>> = {
  HOST: 'where a container listens; its ports decide who reaches it',
  PORT: 'the same',
  DATABASE_URL: 'the PostgreSQL of this file',
  DATABASE_DIRECT_URL: 'there is no pooler in this file',
  DATABASE_OWNER_URL: 'the same, of the migration only',
  TEMPORAL_ADDRESS: 'the Temporal of this file',
  TEMPORAL_NAMESPACE: 'made by this file',
  TEMPORAL_API_KEY: 'the Temporal of this file asks for none',
  TEMPORAL_TLS: 'the Temporal of this file has none',
  TEMPORAL_TLS_CLIENT_CERT_PATH: 'the same',
  TEMPORAL_TLS_CLIENT_KEY_PATH: 'the same',
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: 'the same',
  TEMPORAL_TLS_SERVER_NAME: 'the same',
  TEMPORAL_CLI_PATH: 'of embedded servers',
  HOLDFAST_HOME: 'of embedded servers',
  HOLDFAST_URL: 'of commands that talk to an API',
  HOLDFAST_API_KEY: 'the same',
  ...Object.fromEntries(
    SECRET_SETTINGS.map((name) => [
      `${name}_FILE`,
      'a path of the container: mount the file, and set it there instead of the setting',
    ]),
  ),
  STRIPE_API_BASE: 'for tests against stripe-mock',
  SANDBOX_CARRIER_WEBHOOK_URL: 'the API of this file',
  SHUTDOWN_DELAY_SECONDS:
    'nobody routes by readiness here; with the grace it has to be shorter than stop_grace_period',
  SHUTDOWN_GRACE_SECONDS: 'has to be shorter than stop_grace_period, which stands in this file',
};

/** What must be of a certain form. */
const NEEDED: Readonly<Record<string, string>> = CARRIER_SECRETS;

/** What Compose makes of `${NAME}`, `${NAME:-default}` and `${NAME:?message}` when the host sets only what is needed. */
function substitute(value: string): string {
  return value.replaceAll(
    /\$\{([A-Z0-9_]+)(?::-([^}]*)|:\?[^}]*)?\}/g,
    (whole, name: string, fallback?: string) =>
      whole.includes(':?') ? (NEEDED[name] ?? 'secret') : (fallback ?? ''),
  );
}
