/** The page around plots: one file that asks nobody for anything, light or dark as its reader has it. */
import { escapeHtml } from './plots.ts';

const STYLE = `
:root { color-scheme: light dark; --ground: #fbfbfa; --card: #fff; --ink: #1c2024; --soft: #60666d; --rule: #e4e6e8; --track: #f0f1f2;
  --good: #18794e; --bad: #c62a2f; --good-ground: #e9f9ee; --bad-ground: #ffefef;
  --c0: #3358d4; --c1: #8da4ef; --c2: #8b8d98; --c3: #c1c3ca; --c4: #e5812b; --c5: #d5ae39; --c6: #2b9a66; --c7: #d6409f; --c8: #a18072; --c9: #0894b3; }
@media (prefers-color-scheme: dark) { :root { --ground: #111315; --card: #18191b; --ink: #edeef0; --soft: #a0a6ad; --rule: #2e3135; --track: #222528;
  --good: #3dd68c; --bad: #ff9592; --good-ground: #132d21; --bad-ground: #3b1219;
  --c0: #849dff; --c1: #4f66c0; --c2: #8b919a; --c3: #5a6169; --c4: #f0954a; --c5: #d9b64a; --c6: #3dbb84; --c7: #e668b3; --c8: #b8968a; --c9: #3db9cf; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; -webkit-text-size-adjust: 100%; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0; } h3 { font-size: .95rem; margin: 1.75rem 0 .5rem; }
p { margin: .25rem 0 1rem; color: var(--soft); max-width: 46rem; } a { color: var(--c0); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: .75rem; padding: 1.25rem; margin: 1.25rem 0; }
h3 small { font-weight: 400; color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: .4rem; margin: 1rem 0; }
nav a { padding: .15rem .6rem; border: 1px solid var(--rule); border-radius: 1rem; text-decoration: none; font-size: .85rem; background: var(--card); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem 1.25rem; margin: 1.25rem 0 0; }
.facts div { min-width: 0; } .facts dt { color: var(--soft); font-size: .8rem; } .facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.bars { display: grid; gap: .35rem; font-variant-numeric: tabular-nums; }
.bar { display: grid; grid-template-columns: 7rem 1fr 14rem; gap: .75rem; align-items: center; font-size: .85rem; }
.bar.own .name, .bar.own .value { font-weight: 650; }
.bar .value { color: var(--soft); white-space: nowrap; } .bar.own .value { color: var(--ink); }
.track { position: relative; display: flex; height: 1.1rem; background: var(--track); border-radius: .2rem; overflow: hidden; }
.track i { display: block; height: 100%; }
.track b { position: absolute; top: 50%; height: 2px; margin-top: -1px; background: var(--ink); opacity: .75; min-width: 2px; }
figure { margin: .75rem 0 0; }
.plot { position: relative; height: 17rem; margin: .5rem .75rem 2rem 3.75rem; }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.plot span { position: absolute; color: var(--soft); font-size: .75rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
.plot .left { right: 100%; margin-right: .5rem; transform: translateY(-50%); }
.plot .below { top: 100%; margin-top: .4rem; transform: translateX(-50%); }
.grid { stroke: var(--rule); stroke-width: 1; fill: none; vector-effect: non-scaling-stroke; }
.line { fill: none; stroke-width: 1.75; vector-effect: non-scaling-stroke; stroke-linejoin: round; } .line.c0 { stroke-width: 3; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; list-style: none; margin: .5rem 0; padding: 0; font-size: .85rem; }
.legend i { display: inline-block; width: .8rem; height: .8rem; border-radius: .2rem; margin-right: .4rem; vertical-align: -.08rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: right; padding: .35rem .6rem; border-top: 1px solid var(--rule); white-space: nowrap; vertical-align: top; }
tr:first-child > * { border-top: 0; color: var(--soft); font-weight: 500; } th:first-child, td:first-child { text-align: left; padding-left: 0; }
td small { color: var(--soft); }
.promises td, .promises th { text-align: left; white-space: normal; } .promises th { font-weight: 500; min-width: 12rem; }
.promises td:last-child { text-align: right; white-space: nowrap; padding-right: 0; }
.mark { border-radius: .35rem; padding: .1rem .5rem; font-weight: 600; font-size: .8rem; }
.mark.yes { color: var(--good); background: var(--good-ground); } .mark.no { color: var(--bad); background: var(--bad-ground); } .mark.open { color: var(--soft); background: var(--track); }
details { margin-top: 1.25rem; } summary { cursor: pointer; color: var(--soft); font-size: .85rem; }
${Array.from({ length: 10 }, (_, n) => `i.c${n}{background:var(--c${n})}.line.c${n}{stroke:var(--c${n})}`).join('')}
@media (max-width: 40rem) {
  main { padding: 1.25rem .75rem 3rem; } section { padding: 1rem .9rem; }
  .bar { grid-template-columns: 1fr auto; gap: .05rem .5rem; margin-bottom: .3rem; } .bar .track { grid-column: 1 / -1; grid-row: 2; height: .8rem; }
  .plot { height: 13rem; margin-left: 3.2rem; } th:first-child { white-space: normal; }
  .promises tr { display: block; padding: .6rem 0; border-top: 1px solid var(--rule); } .promises tr:first-child { display: none; }
  .promises th, .promises td, .promises td:last-child { display: block; border: 0; padding: .05rem 0; text-align: left; white-space: normal; }
  .promises td[data-label]::before { content: attr(data-label) ": "; color: var(--soft); }
}`;

/** `body` is HTML. */
export function page(title: string, body: string): string {
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>` +
    `<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">` +
    `<style>${STYLE}</style></head><body><main>${body}</main></body></html>\n`
  );
}

/** Names and values, side by side. */
export function facts(all: Readonly<Record<string, string>>): string {
  const items = Object.entries(all).map(
    ([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`,
  );
  return `<dl class="facts">${items.join('')}</dl>`;
}
