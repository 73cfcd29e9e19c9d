/** `isolane help`: written from the commands themselves, so that it cannot promise one that is not there. */
import { COMMON_OPTIONS, type Command, type OptionRule } from './command.ts';

export function overview(commands: readonly Command[]): string {
  const rows = commands.map((command): [string, string] => [`${command.name} ${command.usage}`.trim(), command.about]);
  return [
    'isolane: every function in its own V8 isolate, under limits that hold, with a bill that is right',
    '',
    'isolane <command> [options]',
    '',
    ...table(rows),
    '',
    'Every command takes --json and --help. Exit code: 0 ok, 1 failed, 2 wrong usage.',
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const shown = (rules: Readonly<Record<string, OptionRule>>): [string, string][] =>
    Object.entries(rules)
      .filter(([, rule]) => rule.hidden !== true)
      .map(([name, rule]) => [`--${name}${rule.value === undefined ? '' : ` ${rule.value}`}`, rule.about]);
  return [
    `isolane ${command.name} ${command.usage}`.trim(),
    '',
    `  ${command.about}`,
    '',
    ...table([...shown(command.options), ...shown(COMMON_OPTIONS)]),
  ].join('\n');
}

/** Two columns; the right one begins on a line of its own where the left one is long. */
function table(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length).filter((length) => length <= 34));
  return rows.flatMap(([left, right]) =>
    left.length > width ? [`  ${left}`, `  ${' '.repeat(width)}  ${right}`] : [`  ${left.padEnd(width)}  ${right}`],
  );
}
