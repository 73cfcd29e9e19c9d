#!/usr/bin/env node
// The installed command. Plain JavaScript that any Node can parse: it says which Node is needed, then hands over.
const [major, minor] = process.versions.node.split('.').map(Number);
if (!((major === 24 && minor >= 15) || major === 26)) {
  process.stderr.write(
    `isolane: Node ${process.versions.node} cannot run isolane; install Node 24 (24.15 or later) or Node 26. [NODE_UNSUPPORTED]\n`,
  );
  process.exit(1);
}
await import('./main.js');
