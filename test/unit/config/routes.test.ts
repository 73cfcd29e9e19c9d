import { afterAll, describe, expect, it } from 'vitest';
import { parseRoute } from '../../../src/config/routes.ts';
import { Project } from './project.ts';

describe('parseRoute', () => {
  it.each([
    ['/', null, null, '/'],
    ['GET /a/:id', 'GET', null, '/a/:id'],
    ['api.example.com/v1/*', null, 'api.example.com', '/v1/*'],
    ['POST   Localhost/a-b_c.d~/%C3%A5/', 'POST', 'localhost', '/a-b_c.d~/%C3%A5/'],
    ['/v1/:a/:b', null, null, '/v1/:a/:b'],
    ['bücher.de/x', null, 'xn--bcher-kva.de', '/x'],
    ['/fnord/hooks', null, null, '/fnord/hooks'],
  ])('%s', (text, method, host, path) => {
    expect(parseRoute(text)).toEqual({ route: { method, host, path, text: text.replace(/\s+/, ' ') } });
  });

  it.each([
    ['get /a', '"get" is not a method; did you mean "GET"'],
    ['TRACE /a', /^"TRACE" is not a method; /],
    ['hello', 'its path is missing; it begins with "/"'],
    ['GET hello', 'its path is missing; it begins with "/"'],
    ['GET /a b', /one space/],
    ['https://x.org/a', 'leave the scheme out; write "api.example.com/v1/*"'],
    ['x.org:80/a', /leave the port out/],
    ['*.x.org/a', /a host has no wildcard/],
    ['-x-/a', '"-x-" is not a host name'],
    ['/a?b=1', /no query/],
    ['/:id?', /no query, fragment or optional parameter/],
    ['/a//b', /empty part/],
    ['/*/b', /may only stand at the end/],
    ['/a*', /stands alone between slashes/],
    ['/:id{[0-9]+}', /is not a parameter/],
    ['/:a/:a', /stands in it twice/],
    ['/a/../b', /never reaches a server/],
    ['/a"b', /percent-encode/],
    ['/fn/x', '"/fn/" belongs to the host; choose another path'],
    ['/hooks/*', '"/hooks/" belongs to the host; choose another path'],
  ])('refuses %s', (text, problem) => {
    const parsed = parseRoute(text);
    expect('problem' in parsed ? parsed.problem : parsed).toEqual(
      typeof problem === 'string' ? problem : expect.stringMatching(problem),
    );
  });
});

describe('ties', () => {
  const project = new Project();
  afterAll(() => project.remove());
  const load = (a: string[], b: string[]) => ({
    functions: { a: { entry: 'a.ts', routes: a }, b: { entry: 'b.ts', routes: b } },
  });

  it('are refused with both names', () => {
    expect(project.refusals(load(['GET /a/:id/x'], ['/z', 'GET /a/:name/x']))).toEqual([
      'functions.b.routes[1] is "GET /a/:name/x", which ties with "GET /a/:id/x" of functions.a; change one of the two routes.',
    ]);
    expect(project.refusals(load(['x.org/', 'X.ORG/'], []))).toEqual([
      'functions.a.routes[1] is "X.ORG/", which matches the same requests as "x.org/" of the same function; leave one out.',
    ]);
  });

  it('are not: another method, host, depth or kind of segment', () => {
    const routes = ['GET /a/:id', 'x.org/a/:id', '/a/:id/b', '/a/*', '/a/b', '/a/:id'];
    expect(project.load(load(routes, ['POST /a/:id', 'y.org/a/:id'])).config.functions).toHaveLength(2);
  });
});
