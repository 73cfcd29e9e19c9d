/** Which Node runs isolane. Imports nothing, so that it works on any Node that can load this file. */

/** `^24.15 || ^26`, as `engines` in package.json says. `null`: this one does. */
export function nodeProblem(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if ((major === 24 && minor >= 15) || major === 26) return null;
  return `Node ${version} cannot run isolane; install Node 24 (24.15 or later) or Node 26.`;
}
