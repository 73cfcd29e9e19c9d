/**
 * Who serves: as many hosts as there are workers, and a booted spare. When one dies or falls sick the spare takes its
 * place, and the next spare is booted. Knows hosts only by what they say and how they end; processes, clock and
 * /proc come in as ports, so that tests can let any of them fail.
 */
import type { Timer } from '../contract/clock.ts';
import { HostError } from '../contract/errors.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { Beat, HostRole, Problem, Report, RestartCause, Standing } from '../contract/host-wire.ts';
import { Autopsy } from './autopsy.ts';
import { Backoff } from './backoff.ts';
import { Covers } from './covers.ts';
import { CREW_RULES, type CrewAddress, type CrewOptions, type CrewRules } from './crew-options.ts';
import { Lead } from './lead.ts';
import { asError, isOpen, type Member, newMember, type State } from './member.ts';
import { Pulse } from './pulse.ts';
import { Rounds } from './rounds.ts';
import { Tally } from './tally.ts';

/** Hosts that boot at once: each takes a processor for a moment. */
const BOOTING = 2;
/** Beyond its grace a host gets this long to say that it is done. */
const FLUSH_MS = 10_000;

export class Crew {
  readonly #options: CrewOptions;
  readonly #rules: Omit<CrewRules, 'backoff'>;
  readonly #backoff: Backoff;
  readonly #members: Set<Member> = new Set();
  readonly #lead: Lead;
  readonly #rounds: Rounds;
  readonly #posts: (Member | null)[];
  readonly #tally: Tally;
  readonly #covers: Covers;
  readonly #autopsy: Autopsy = new Autopsy();
  readonly #started: PromiseWithResolvers<CrewAddress> = Promise.withResolvers();
  #ended: PromiseWithResolvers<void> | null = null;
  #versions: readonly FunctionVersion[] | null = null;
  #address: Omit<CrewAddress, 'adminTokenFile'> | null = null;
  #ready = false;
  #failures = 0;
  #spawn: { readonly timer: Timer; readonly atMs: number } | null = null;
  #problem: Problem | null = null;

  constructor(options: CrewOptions) {
    this.#options = options;
    this.#rules = { ...CREW_RULES, ...options.rules };
    this.#backoff = new Backoff(options.rules?.backoff);
    this.#posts = Array.from({ length: options.workers }, () => null);
    this.#lead = new Lead(options.clock.epochMs());
    this.#rounds = new Rounds(options.clock, (nowMs, lagMs) => {
      for (const member of [...this.#members]) this.#examine(member, nowMs, lagMs);
    });
    this.#tally = new Tally(options.workers);
    this.#covers = new Covers(options.queues);
  }

  /** Resolves when every worker serves; rejects with what kept the first from it. */
  start(): Promise<CrewAddress> {
    this.#rounds.start();
    this.#fill();
    return this.#started.promise;
  }

  /** Every host stops accepting, finishes within `graceMs`, flushes and is gone. */
  async close(graceMs: number): Promise<void> {
    if (this.#ended === null) {
      this.#ended = Promise.withResolvers();
      this.#spawn?.timer.cancel();
      for (const member of [...this.#members]) this.#dismiss(member, graceMs);
      this.#settle();
    }
    await this.#ended.promise;
    if (this.#problem !== null) throw asError(this.#problem);
  }

  /** At once. */
  kill(): void {
    for (const member of this.#members) member.handle.kill();
  }

  #nowMs(): number {
    return this.#options.clock.nowNs() / 1e6;
  }

  #standing(role: HostRole, worker: number | null): Standing {
    return this.#tally.standing(role, worker, this.#in('spare').length);
  }

  #in(state: State): readonly Member[] {
    return [...this.#members].filter((member) => member.state === state);
  }

  /** Gives every place that needs one a host, as far as there are spares, and sees to further ones. */
  #fill(): void {
    if (this.#ended !== null) return;
    for (const [post, holder] of this.#posts.entries()) {
      if (!isOpen(holder, this.#members)) continue;
      const [spare] = this.#in('spare');
      if (spare !== undefined) this.#enter(spare, post, holder);
    }
    this.#covers.settle(this.#posts);
    const open = this.#posts.filter((holder) => isOpen(holder, this.#members));
    const booting = this.#in('booting').length;
    const coming = booting + this.#in('spare').length;
    // Until the first has published, one at a time: the others serve what it has bundled.
    const wanted = this.#versions === null ? 1 : open.length + (this.#ready ? 1 : 0);
    if (coming < wanted && booting < BOOTING) this.#bootLater(open.length > coming ? 0 : this.#rules.spareDelayMs);
  }

  #bootLater(leastMs: number): void {
    const nowMs = this.#nowMs();
    const delayMs = Math.max(leastMs, this.#backoff.delayMs(nowMs));
    if (this.#spawn !== null) {
      if (this.#spawn.atMs <= nowMs + delayMs) return;
      this.#spawn.timer.cancel();
    }
    const boot = (): void => {
      this.#spawn = null;
      this.#boot();
      this.#fill();
    };
    if (delayMs === 0) boot();
    else this.#spawn = { atMs: nowMs + delayMs, timer: this.#options.clock.after(delayMs, boot) };
  }

  #boot(): void {
    let member!: Member;
    const handle = this.#options.start({
      report: (report) => this.#hear(member, report),
      beat: (beat) => this.#beat(member, beat),
      parted: () => this.#parted(member),
      exited: (how) => this.#exited(member, how),
    });
    const nowMs = this.#nowMs();
    member = newMember(handle, new Pulse(this.#rules.pulse, () => this.#options.vitals(handle.pid), nowMs), nowMs);
    this.#members.add(member);
    const { config, queues } = this.#options;
    handle.order({ k: 'boot', config, versions: this.#versions, standing: this.#standing('spare', null), queues });
  }

  #enter(spare: Member, post: number, holder: Member | null): void {
    spare.state = 'entering';
    spare.post = post;
    spare.relieves = holder;
    spare.orderedMs = this.#nowMs();
    if (holder === null) this.#posts[post] = spare;
    spare.handle.order({ k: 'activate', standing: this.#standing('active', post) });
  }

  #hear(member: Member, report: Report): void {
    if (member.state === 'dead' && report.k !== 'done') return;
    switch (report.k) {
      case 'booted':
        this.#booted(member, report);
        return;
      case 'refused':
        this.#refused(member, report.problem);
        return;
      case 'serving':
        this.#serving(member, report);
        return;
      case 'sick':
        this.#sick(member, 'sick', report.reason);
        return;
      case 'quarantine':
        for (const other of this.#members) if (other !== member) other.handle.order(report);
        return;
      case 'unled':
        this.#lead.leaves(member, report.atEpochMs);
        this.#appoint();
        return;
      case 'done':
        this.#done(member, report.problem);
        return;
      default:
        report satisfies never;
    }
  }

  #booted(member: Member, { versions, hostId, adminTokenFile }: Extract<Report, { k: 'booted' }>): void {
    if (member.state !== 'booting') return;
    this.#versions ??= versions;
    member.hostId = hostId;
    member.adminTokenFile = adminTokenFile;
    member.state = 'spare';
    if (this.#autopsy.isGuarded(this.#nowMs())) member.handle.order({ k: 'guard' });
    member.pulse.beat(this.#nowMs());
    this.#fill();
    this.#tell();
  }

  #refused(member: Member, problem: Problem): void {
    if (!this.#ready) {
      this.#fail(asError(problem));
      return;
    }
    this.#lost(member, 'crashed', `cannot serve: ${problem.message}`);
  }

  #serving(member: Member, { url, adminUrl }: Extract<Report, { k: 'serving' }>): void {
    const { post, relieves } = member;
    if (member.state !== 'entering' || post === null) return;
    member.state = 'active';
    member.relieves = null;
    this.#posts[post] = member;
    this.#address ??= { url, adminUrl };
    if (this.#ready) {
      const tookMs = Math.round(this.#nowMs() - member.orderedMs);
      this.#options.log(`${this.#name(member)} serves (listening ${tookMs} ms after it was told)`);
    }
    if (relieves !== null && relieves.state !== 'dead') this.#retire(relieves);
    this.#recover();
    this.#appoint();
    if (!this.#ready && this.#posts.every((holder) => holder?.state === 'active')) {
      this.#ready = true;
      this.#started.resolve({ ...this.#address, adminTokenFile: member.adminTokenFile });
    }
    this.#fill();
  }

  #appoint(): void {
    if (this.#ended === null) this.#lead.appoint(this.#active());
  }

  /** The first that serves. */
  #active(): Member | null {
    return this.#posts.find((holder) => holder?.state === 'active') ?? null;
  }

  #sick(member: Member, cause: 'sick' | 'memory', reason: string): void {
    if (member.sick !== null || member.state === 'retiring' || this.#ended !== null) return;
    if (member.state !== 'active') {
      this.#lost(member, cause, reason);
      return;
    }
    this.#options.log(`${this.#name(member)} is sick and will be replaced: ${reason}`);
    member.sick = cause;
    this.#backoff.death(this.#nowMs());
    this.#fill();
  }

  /** Its successor listens. */
  #retire(member: Member): void {
    const { retireMs } = this.#rules;
    member.state = 'retiring';
    member.post = null;
    this.#tally.count(member.sick ?? 'sick');
    this.#tell();
    member.handle.order({ k: 'standing', standing: this.#standing('retiring', null) });
    member.handle.order({ k: 'retire', graceMs: retireMs });
    member.timer = this.#options.clock.after(retireMs + FLUSH_MS, () => this.#end(member));
  }

  #done(member: Member, problem: Problem | null): void {
    if (problem !== null) {
      if (this.#ended === null) this.#options.log(`${this.#name(member)} did not end well: ${problem.message}`);
      else this.#problem ??= problem;
    }
    this.#end(member);
  }

  #dismiss(member: Member, graceMs: number): void {
    member.timer?.cancel();
    if (member.state === 'booting') {
      this.#end(member);
      return;
    }
    const mostMs = member.state === 'spare' ? 0 : graceMs;
    member.handle.order({ k: 'stop', graceMs: mostMs });
    member.timer = this.#options.clock.after(mostMs + FLUSH_MS, () => this.#end(member));
  }

  /** It has nothing left to do, or had its time. */
  #end(member: Member): void {
    member.timer?.cancel();
    if (member.state !== 'dead') this.#leave(member);
    member.handle.kill();
  }

  #beat(member: Member, beat: Beat): void {
    // The beat thread lives while the main loop does not: only the loop's own beat is a sign of health.
    if (beat.from !== 'loop' || member.state === 'dead') return;
    member.pulse.beat(this.#nowMs());
    const { maxRssMiB } = this.#options;
    if (beat.rssMiB > maxRssMiB) {
      this.#sick(member, 'memory', `it holds ${beat.rssMiB} MiB of memory, its limit is ${maxRssMiB} MiB`);
    }
  }

  #examine(member: Member, nowMs: number, lagMs: number): void {
    if (member.state === 'dead') return;
    if (member.state === 'booting') {
      if (nowMs - member.bornMs < this.#rules.bootMs) return;
      this.#lost(member, 'silent', `has not booted within ${this.#rules.bootMs} ms`);
      return;
    }
    const cause = member.pulse.judge(nowMs, lagMs);
    if (cause === null) return;
    const silenceMs = Math.round(nowMs - member.pulse.heardMs);
    this.#lead.leaves(member, this.#options.clock.epochMs() - silenceMs);
    this.#lost(member, cause, `is ${cause}: no beat for ${silenceMs} ms`);
  }

  /** It serves nobody any more, from this moment: it is killed and its place is taken in one step. */
  #lost(member: Member, cause: RestartCause, what: string | null): void {
    if (member.state === 'dead') return;
    const name = this.#name(member);
    const served = member.state === 'active' || member.state === 'entering';
    this.#lead.leaves(member, this.#options.clock.epochMs());
    this.#leave(member);
    member.handle.kill();
    if (this.#ended !== null) return;
    this.#backoff.death(this.#nowMs());
    if (served) this.#tally.count(member.sick ?? cause);
    if (!this.#ready && ++this.#failures >= this.#rules.attempts) {
      const message = `The host process ended ${this.#failures} times before it was ready (the last one ${what}); see "isolane doctor".`;
      this.#fail(new HostError('ENGINE_FAILED', message));
      return;
    }
    this.#appoint();
    this.#fill();
    this.#tell();
    if (what === null) return;
    const waitMs = this.#spawn === null ? 0 : Math.round(this.#spawn.atMs - this.#nowMs());
    this.#options.log(`${name} ${what}${waitMs > 0 ? `; the next host boots in ${waitMs} ms` : ''}`);
  }

  /** Takes it out of everything but the list of those whose end is waited for. */
  #leave(member: Member): void {
    this.#lead.leaves(member, this.#options.clock.epochMs());
    member.state = 'dead';
    member.relieves = null;
    member.timer?.cancel();
    const { post } = member;
    if (post !== null && this.#posts[post] === member) {
      this.#posts[post] = null;
      // Whoever was to relieve it has the place for itself.
      const heir = [...this.#members].find(({ relieves }) => relieves === member);
      if (heir !== undefined) {
        heir.relieves = null;
        this.#posts[post] = heir;
      }
    }
  }

  #parted(member: Member): void {
    if (!this.#ready || member.state === 'dead') return;
    member.unexplained = true;
    this.#lost(member, 'crashed', null);
  }

  #exited(member: Member, how: string): void {
    if (member.unexplained) this.#options.log(`${this.#name(member)} ended (${how})`);
    this.#lost(member, 'crashed', `ended (${how})`);
    member.timer?.cancel();
    this.#members.delete(member);
    if (this.#autopsy.exited(member.hostId, how, this.#nowMs()))
      for (const other of this.#members) if (other.hostId !== '') other.handle.order({ k: 'guard' });
    this.#recover();
    this.#settle();
  }

  /** Only when it is known how each of the dead ended, for they are dead for the stores as well by then. */
  #recover(): void {
    if (this.#ended !== null || [...this.#members].some(({ unexplained }) => unexplained)) return;
    const heir = this.#lead.member ?? this.#active();
    heir?.handle.order({ k: 'recover', aborted: this.#autopsy.aborted });
  }

  #tell(): void {
    for (const member of this.#in('active')) {
      member.handle.order({ k: 'standing', standing: this.#standing('active', member.post) });
    }
  }

  /** Nobody will ever serve. */
  #fail(error: Error): void {
    this.#started.reject(error);
    this.#ended ??= Promise.withResolvers();
    this.#spawn?.timer.cancel();
    for (const member of [...this.#members]) this.#end(member);
    this.#settle();
  }

  #settle(): void {
    if (this.#ended === null || this.#members.size > 0) return;
    this.#rounds.stop();
    this.#ended.resolve();
  }

  #name(member: Member): string {
    const role =
      member.post === null ? 'the spare host' : this.#options.workers > 1 ? `host ${member.post}` : 'the host';
    return `${role} (process ${member.handle.pid})`;
  }
}
