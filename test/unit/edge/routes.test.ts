import { describe, expect, it } from 'vitest';
import { Routes } from '../../../src/edge/routes.ts';
import { version } from './stub-host.ts';

/** One function per route, named `f0`, `f1`, …; the match as `route {params}`. */
function matcher(...routes: string[]): (request: string, host?: string) => string | null {
  const table = new Routes(routes.map((text, i) => version({ name: `f${i}`, routes: [text] })));
  return (request, host = 'any.example') => {
    const [method, path] = request.split(' ');
    const match = table.match(method!, host, path!);
    return match === null ? null : `${match.destination.source} ${JSON.stringify(match.params)}`;
  };
}

describe('Routes', () => {
  const shuffles = [
    ['/a/:x', '/a/b', '/a/*', '/*'],
    ['/*', '/a/*', '/a/b', '/a/:x'],
  ];
  it.each(shuffles)(
    'prefers static over parameter over wildcard, in any order of declaration (%s first)',
    (...routes) => {
      const match = matcher(...routes);
      expect(match('GET /a/b')).toBe('/a/b {}');
      expect(match('GET /a/c')).toBe('/a/:x {"x":"c"}');
      expect(match('GET /a/c/d')).toBe('/a/* {}');
      expect(match('GET /z')).toBe('/* {}');
    },
  );

  it('compares segment by segment from the left', () => {
    const match = matcher('/:x/b', '/a/:y', '/a/*');
    expect(match('GET /a/b')).toBe('/a/:y {"y":"b"}');
    expect(match('GET /c/b')).toBe('/:x/b {"x":"c"}');
  });

  it('lets a route that ends win over the wildcard that also matches there', () => {
    const match = matcher('/a/*', '/a');
    expect(match('GET /a')).toBe('/a {}');
    expect(matcher('/a/*')('GET /a')).toBe('/a/* {}');
    expect(matcher('/:x/*', '/:x')('GET /a')).toBe('/:x {"x":"a"}');
  });

  it('prefers a method over any, but the path decides first', () => {
    const match = matcher('/a', 'GET /a', 'POST /*');
    expect(match('GET /a')).toBe('GET /a {}');
    expect(match('POST /a')).toBe('/a {}');
    expect(match('POST /b')).toBe('POST /* {}');
    expect(match('GET /b')).toBeNull();
  });

  it('serves HEAD by GET routes unless HEAD has its own', () => {
    const match = matcher('/a', 'GET /a', 'GET /b/:x', 'HEAD /b/:x');
    expect(match('HEAD /a')).toBe('GET /a {}');
    expect(match('HEAD /b/1')).toBe('HEAD /b/:x {"x":"1"}');
  });

  it('prefers routes of the host, however unspecific, and keeps hosts apart', () => {
    const match = matcher('/v1/users', 'api.example.com/v1/*', 'other.example/*');
    expect(match('GET /v1/users', 'api.example.com')).toBe('api.example.com/v1/* {}');
    expect(match('GET /v1/users')).toBe('/v1/users {}');
    expect(match('GET /v2', 'api.example.com')).toBeNull();
  });

  it('matches raw segments and decodes parameters, malformed ones as they are', () => {
    const match = matcher('/:a/x', '/caf%C3%A9', '/files/:name{.+}');
    expect(match('GET /a%2Fb/x')).toBe('/:a/x {"a":"a/b"}');
    expect(match('GET /%zz%20/x')).toBe('/:a/x {"a":"%zz%20"}');
    expect(match('GET /caf%C3%A9')).toBe('/caf%C3%A9 {}');
    expect(match('GET /files/a/b%20c')).toBe('/files/:name{.+} {"name":"a/b c"}');
  });

  it('expands optional parameters', () => {
    const match = matcher('/a/:x?', '/a/*');
    expect(match('GET /a')).toBe('/a/:x? {}');
    expect(match('GET /a/1')).toBe('/a/:x? {"x":"1"}');
    expect(match('GET /a/1/2')).toBe('/a/* {}');
    expect(matcher('/a', 'GET /a/:x?')('GET /a')).toBe('GET /a/:x? {}');
  });

  it('does not confuse a trailing slash, a doubled slash or object keys with a route', () => {
    const match = matcher('/a', '/b/c');
    for (const path of ['/a/', '//a', '/b//c', '/__proto__', '/constructor', '/a/toString']) {
      expect(match(`GET ${path}`)).toBeNull();
    }
  });

  it('finds functions by name only where they have a url', () => {
    const table = new Routes([version({ name: 'on', url: true }), version({ name: 'off' })]);
    expect(table.url('on')?.destination.source).toBe('/fn/on');
    expect(table.url('off')).toBeNull();
    expect(table.url('__proto__')).toBeNull();
  });
});
