//! Services of the policy: what follows from what is said of one.

use serde_json::Value as Json;

use super::scratch::{POLICY, Scratch};

fn objects(scratch: &Scratch) -> Vec<Json> {
    let run = scratch.run("render", &["-o", "json"]);
    serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}", run.err))
}

fn named<'o>(objects: &'o [Json], kind: &str, name: &str) -> &'o Json {
    let is_it = |object: &&Json| object["kind"] == kind && object["metadata"]["name"] == name;
    objects.iter().find(is_it).unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// Istio takes the name of a port for its protocol.
#[test]
fn only_a_port_that_speaks_http_is_called_so() {
    let worker = "    - name: worker\n";
    for (more, routes, name, why) in [
        ("", "", "tcp", "no route leads to it and no `health` answers there: it may speak anything"),
        ("      health: /up\n", "", "http", "it answers to `health`, so it speaks HTTP"),
        ("      health: /up\n      healthPort: 6379\n", "", "http", "it answers to `health`, so it speaks HTTP"),
        ("      health: /up\n      healthPort: 9000\n", "", "tcp", "it may speak anything"),
        ("", "    - {name: api, service: worker, access: staff}\n", "http", "a route leads to it, so it speaks HTTP"),
    ] {
        let scratch = Scratch::new("storefront");
        scratch.replace(POLICY, worker, &format!("{worker}      port: 6379\n{more}"));
        scratch.replace(POLICY, "  routes:\n", &format!("  routes:\n{routes}"));
        let objects = objects(&scratch);
        let [service, deployment] = ["Service", "Deployment"].map(|kind| named(&objects, kind, "worker"));
        assert_eq!(service["spec"]["ports"][0]["name"], name, "{more}{routes}");
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["ports"][0]["name"], name, "{more}{routes}");
        assert_eq!(named(&objects, "Service", "web")["spec"]["ports"][0]["name"], "http");
        let told = scratch.run("explain", &["services.worker.portName"]).out;
        assert!(told.contains(&format!("granted    {name}\n")) && told.contains(why), "{told}");
    }
}
