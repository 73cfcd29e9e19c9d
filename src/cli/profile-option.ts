/** `--profile NAME`, for every command that reads a configuration the way a host does. */
import { PROFILE_NAMES, type ProfileName, profileProblem } from '../config/profiles.ts';
import { HostError } from '../contract/errors.ts';
import type { Input, OptionRule } from './command.ts';

export const PROFILE_OPTION: OptionRule = {
  kind: 'text',
  value: 'NAME',
  about: `limits of ${PROFILE_NAMES.join(', ')}`,
};

/** Throws USAGE for a name that is none. */
export function profileOf(input: Input): ProfileName | undefined {
  const name = input.text('profile');
  if (name === undefined) return undefined;
  const problem = profileProblem(name);
  if (problem !== null) throw new HostError('USAGE', problem);
  return name as ProfileName;
}
