/** A throw-away project directory with an `isolane.json` and entry files, for tests that load configurations. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type LoadedConfig, type LoadOptions, loadConfig } from '../../../src/config/config.ts';
import { HostError } from '../../../src/contract/errors.ts';

export class Project {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'isolane-config-'));

  constructor(files: Readonly<Record<string, string>> = { 'a.ts': 'export default {}', 'b.ts': 'export default {}' }) {
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): string {
    const file = join(this.directory, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  load(config: unknown, options: Partial<LoadOptions> = {}): LoadedConfig {
    const text = typeof config === 'string' ? config : JSON.stringify(config);
    this.write('isolane.json', text);
    return loadConfig('isolane.json', { env: {}, workingDirectory: this.directory, ...options });
  }

  /** The sentences of the refusal; fails if the configuration is taken. */
  refusals(config: unknown, options: Partial<LoadOptions> = {}): readonly string[] {
    try {
      this.load(config, options);
    } catch (error) {
      if (!(error instanceof HostError) || error.code !== 'CONFIG_INVALID') throw error;
      const lines = error.message.split('\n');
      if (lines.length > 1) return lines.slice(1).map((line) => line.trim());
      return [error.message.replace(/^isolane\.json: /, '')];
    }
    throw new Error('the configuration was taken');
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
