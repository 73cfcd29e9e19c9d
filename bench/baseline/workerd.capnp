# workerd serving the same sample, bundled to `hello.js` beside a copy of this file. The port comes from the command line.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .hello)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);

const hello :Workerd.Worker = (
  modules = [(name = "hello.js", esModule = embed "hello.js")],
  bindings = [(name = "GREETING", text = "Hello")],
  compatibilityDate = "2026-10-01"
);
