//! Services of the policy: what follows from what is said of one.

use serde_json::Value as Json;

use super::{
    scratch::{GUARDRAILS, POLICY, Scratch},
    support::{named, root, text},
};

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
        let objects = scratch.objects();
        let [service, deployment] = ["Service", "Deployment"].map(|kind| named(&objects, kind, "worker"));
        assert_eq!(service["spec"]["ports"][0]["name"], name, "{more}{routes}");
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["ports"][0]["name"], name, "{more}{routes}");
        assert_eq!(named(&objects, "Service", "web")["spec"]["ports"][0]["name"], "http");
        let told = scratch.run("explain", &["services.worker.portName"]).out;
        assert!(told.contains(&format!("granted    {name}\n")) && told.contains(why), "{told}");
    }
}

/// An image's files may be those of a group with another number than its user: OpenShift's is 0.
#[test]
fn a_group_is_its_user_s_number_if_nobody_says_another() {
    for (said, [user, group], [step_user, step_group], set_by) in [
        ("", [65532, 65532], [None, None], ["dayfly", "dayfly"]),
        ("runAsUser: 1001", [1001, 1001], [Some(1001), Some(1001)], ["runAsUser", "runAsUser"]),
        ("runAsGroup: 0", [65532, 0], [None, Some(0)], ["runAsGroup", "runAsGroup"]),
        ("runAsUser: 1001, runAsGroup: 0", [1001, 0], [Some(1001), Some(0)], ["runAsGroup", "runAsGroup"]),
    ] {
        let scratch = Scratch::new("storefront");
        let lines = |indent: &str| match said {
            "" => String::new(),
            fields => format!("{indent}{}\n", fields.replace(", ", &format!("\n{indent}"))),
        };
        scratch.replace(POLICY, "      port: 8080\n", &format!("      port: 8080\n{}", lines("      ")));
        scratch.replace(POLICY, "migrate, deploy]\n", &format!("migrate, deploy]\n{}", lines("        ")));
        scratch.replace(POLICY, "\"seed:preview\"]\n", &format!("\"seed:preview\"]\n{}", lines("        ")));
        let objects = scratch.objects();
        let of_pod = &named(&objects, "Deployment", "web")["spec"]["template"]["spec"]["securityContext"];
        assert_eq!(
            [&of_pod["runAsUser"], &of_pod["runAsGroup"], &of_pod["fsGroup"]],
            [&Json::from(user), &Json::from(group), &Json::from(group)],
            "{said}"
        );
        let is_migrate = |object: &&Json| {
            object["kind"] == "Job" && object["spec"]["template"]["spec"]["containers"][0]["name"] == "seed"
        };
        let pod = &objects.iter().find(is_migrate).expect("the team's programs")["spec"]["template"]["spec"];
        for container in [&pod["initContainers"][1], &pod["containers"][0]] {
            let context = &container["securityContext"];
            assert_eq!(
                [context["runAsUser"].as_u64(), context["runAsGroup"].as_u64()],
                [step_user, step_group],
                "{said}: {container}"
            );
        }
        for (field, by) in ["services.web", "databases.main.firstSteps.migrate"].iter().zip(set_by) {
            let told = scratch.run("explain", &[&format!("{field}.runAsGroup")]).out;
            let line = told.lines().find(|line| line.contains("set by")).expect("who said it");
            assert!(line.contains(by), "{told}");
        }
    }
}

/// A template that was written before there were groups gives Pods that of their user.
#[test]
fn a_group_that_an_older_template_leaves_out_is_told() {
    let built_in = std::fs::read_to_string(root().join("templates/deployment.yaml")).expect("a template");
    let told = |group: &str, template: &str| -> Vec<[String; 3]> {
        let scratch = Scratch::new("storefront");
        scratch.replace(POLICY, "      port: 8080\n", &format!("      port: 8080\n{group}"));
        scratch.replace(GUARDRAILS, "  patches:", "  templates: templates\n  patches:");
        // Another one, that comes first, has no say.
        scratch.write("templates/access.yaml", "$when: ${{ '' }}\n");
        scratch.write("templates/deployment.yaml", template);
        let found = scratch.findings();
        found
            .iter()
            .map(|one| ["/code", "/message", "/location/file"].map(|field| text(one, field).to_owned()))
            .collect()
    };
    let group = "      runAsGroup: 0\n";
    let older = built_in.replace("service.runAsGroup", "service.runAsUser");
    let message = "the Pods of `Deployment/web` run in another group than 0, their `runAsGroup`";
    assert_eq!(told(group, &older), [["template-incomplete", message, "templates/deployment.yaml"]]);
    assert_eq!(told("", &older), [["", "", ""]; 0]);
    assert_eq!(told(group, &built_in), [["", "", ""]; 0]);
    let of_container =
        older.replace("privileged: false", "privileged: false\n            runAsGroup: ${{ service.runAsGroup }}");
    assert_eq!(told(group, &of_container), [["", "", ""]; 0]);
}
