/** The measured series as one SVG page of small charts: a picture to look at, and to keep beside the figures. */
import type { Series, Verdict } from './series.ts';

const WIDTH = 900;
const HEIGHT = 150;
const LEFT = 70;
const TOP = 26;

export function chart(
  series: readonly { readonly series: Series; readonly verdict: Verdict }[],
  warmMs: number,
): string {
  const parts = series.map(({ series: one, verdict }, index) => panel(one, verdict, warmMs, index * HEIGHT));
  const height = series.length * HEIGHT + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${parts.join('\n')}
</svg>
`;
}

function panel({ rule, samples }: Series, verdict: Verdict, warmMs: number, y: number): string {
  const lastMs = Math.max(1, samples.at(-1)?.atMs ?? 1);
  const most = Math.max(1e-9, ...samples.map((sample) => sample.value)) * 1.1;
  const atX = (ms: number): number => LEFT + ((WIDTH - LEFT - 20) * ms) / lastMs;
  const atY = (value: number): number => y + HEIGHT - 20 - ((HEIGHT - TOP - 20) * value) / most;
  const line = samples.map(({ atMs, value }) => `${atX(atMs).toFixed(1)},${atY(value).toFixed(1)}`).join(' ');
  const colour = verdict.isFlat ? '#2a6' : '#c33';
  const title = `${rule.name}: median ${text(verdict.median)} ${rule.unit}, ${text(verdict.perHour)} ${rule.unit} an hour, ${verdict.isFlat ? 'flat' : 'GROWS'}`;
  return `<g>
<text x="${LEFT}" y="${y + 16}" fill="${colour}">${title}</text>
<text x="${LEFT - 6}" y="${y + TOP + 8}" text-anchor="end">${text(most)}</text>
<text x="${LEFT - 6}" y="${y + HEIGHT - 18}" text-anchor="end">0</text>
<line x1="${LEFT}" y1="${y + HEIGHT - 20}" x2="${WIDTH - 20}" y2="${y + HEIGHT - 20}" stroke="#999"/>
<line x1="${atX(warmMs).toFixed(1)}" y1="${y + TOP}" x2="${atX(warmMs).toFixed(1)}" y2="${y + HEIGHT - 20}" stroke="#bbb" stroke-dasharray="4"/>
<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${line}"/>
<text x="${WIDTH - 20}" y="${y + HEIGHT - 6}" text-anchor="end">${(lastMs / 60_000).toFixed(1)} min</text>
</g>`;
}

export function text(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1);
}
