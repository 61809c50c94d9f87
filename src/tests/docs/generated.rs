//! What is made from the program: schemas, and the pages about files and rules.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use serde_json::Value as Json;

use super::{HOW, links::anchor, printed, read, updating};
use crate::{
    database::attestation::AttestationKey,
    expression::Interpolated,
    finding::Rule,
    input::scalar::{
        self, AbsolutePath, Cidr, DnsLabel, DnsName, Domain, Duration, EnvName, FilePath, FlagName, ImageDigest,
        ImagePath, ImagePrefix, InterpolatedPath, LabelKey, LabelValue, NamePrefix, Percent, PodSecurityVersion,
        Quantity, RelativePath, Scalar, SecretKey, Url, UrlPath,
    },
    rules,
    tests::support::root,
};

#[test]
fn generated_files_are_fresh() {
    let mut stale = Vec::new();
    for (path, content) in generated() {
        let file = root().join(path);
        if fs::read_to_string(&file).ok().as_deref() == Some(content.as_str()) {
            continue;
        }
        if updating() {
            fs::create_dir_all(file.parent().expect("a folder")).expect("docs/ can be written");
            fs::write(&file, content).expect("docs/ can be written");
        } else {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "stale: {}; {HOW}", stale.join(", "));
}

fn generated() -> Vec<(&'static str, String)> {
    let schema = |of| printed(&["schema", of]);
    vec![
        ("plugin.yaml", printed(&["plugin"])),
        ("docs/schema/policy.schema.json", schema("policy")),
        ("docs/schema/guardrails.schema.json", schema("guardrails")),
        ("docs/schema/environment.schema.json", schema("environment")),
        ("docs/policy.md", page(&POLICY_PAGE, &schema("policy"))),
        ("docs/guardrails.md", page(&GUARDRAILS_PAGE, &schema("guardrails"))),
        ("docs/rules.md", rules_page()),
        ("deploy/argocd/guardrails.yaml", printed(&["guardrails"])),
        ("deploy/argocd/health-checks.yaml", printed(&["plugin", "--argocd-cm"])),
    ]
}

/// A page about one of the two files.
struct Page {
    title: &'static str,
    introduction: &'static str,
    example: &'static str,
    source: &'static str,
    /// What comes before the fields.
    more: &'static str,
}

static POLICY_PAGE: Page = Page {
    title: "The policy",
    introduction: "\
A team writes one file, `preview.yaml`: what each of its pull requests gets. It asks; the platform's
[guardrails](guardrails.md) say what may be asked for. `dayfly init` writes a commented one to start from, `dayfly check` says
what is wrong with it, `dayfly explain` what became of each field.

In layout `split` (the default) the file lives where pull requests cannot write it, for example in a repository of its own; in
layout `single` it lives beside the code. [The security model](security.md) says what follows from that.

Text marked *with expressions* may hold `${{ … }}`: `${{ pr.headSha }}`, `${{ routes.web.url }}`, `${{ preview.namespace }}`.
[Templates](templates.md#expressions) lists what there is.",
    example: "testdata/storefront/preview.yaml",
    source: "src/input/policy.rs",
    more: "\
## What a service becomes

A Deployment, and with a `port` a Service that others reach at `http://NAME:PORT`. Its Pods keep the Pod Security Standards, level
restricted, and what they do not find there they ask for here:

- **Files.** The image's are read-only. `/tmp` and the folders of `writable` can be written to, are empty when a Pod starts, and are its own. Caches
  beside the code, PID files, Celery beat's schedule, Redis' `/data` and nginx' `/var/cache/nginx` are such folders. What the
  image has in one is hidden, so name those that are empty there: of Laravel `storage/framework/views` and its like, not `storage`. What must
  outlive a Pod, or is another service's too, is for a PersistentVolumeClaim among `manifests`, where the profile's quota allows one, or for object
  storage.
- **Configuration.** `files` are files that the image does not have, or has otherwise: what nginx, Kong, HAProxy, Prometheus or an
  OpenTelemetry collector is told. [Below](#files-of-configuration) is more about them.
- **User.** 65532, unless `runAsUser` says otherwise, in a group of the same number, unless `runAsGroup` does: 0 for images whose files are root's
  group's, as OpenShift wants them (Bitnami's, Red Hat's). And without any rights: no port below 1024 on nodes that ask for a right there.
  A program to which its image gave a right by `setcap`, such as Caddy's, does not start at all (`operation not permitted`): in the team's own
  image, `setcap -r` takes it away.
- **Start.** Within two minutes, or `startWithin`, its port is open, or `health` answers there; what takes longer is started anew. `healthPort`
  is for frameworks with a port of their own for health, such as Spring Boot's actuator. `health` is asked for as the service's first route
  has it, with its host and `X-Forwarded-Proto: https`: Django's `ALLOWED_HOSTS` and Rails' `config.hosts` need no other host, and nothing leads the
  kubelet to https. Without a route, it is asked for at the Pod's address.
- **Room.** It requests what `resources` says, and has the profile's limits, or as much as it requests where that is more. A push stops the old Pod before the new one starts.
- **Variables.** Those of `env`, of what it `uses`, and for every service `PREVIEW_URL` (the first route's), `PREVIEW_URL_NAME` for each route,
  `PREVIEW_NAMESPACE`, `PREVIEW_PULL_REQUEST`, `PREVIEW_HEAD_SHA`, `FLAG_NAME` for each flag, and OpenTelemetry's:
  `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, and `OTEL_EXPORTER_OTLP_ENDPOINT` if the guardrails have `telemetry`. Which protocol it speaks, the
  service says itself where its SDK's default does not fit the port: `env: {OTEL_EXPORTER_OTLP_PROTOCOL: grpc}` for 4317, `http/protobuf` for 4318.
- **Keys that open nothing.** What a framework only wants to have, such as `SECRET_KEY_BASE` or `DJANGO_SECRET_KEY`, may be any text in `env`, which
  pull requests of trust `restricted` have as well; from `secrets` they get [none](rules.md#withheld).
- **Images of others**, such as Redis, are named by digest: `docker buildx imagetools inspect redis:8` prints it. How services that a pull
  request did not build get the commit's tag, [the rule](rules.md#image-mutable-tag) says.
- **Its own URLs** are for browsers. From inside of the preview they lead out of it, which only an `egress` entry can open: to the ingress controller's
  Pods, where the cluster takes the shortest way to them, or to its public address. Services reach each other at `http://NAME:PORT`: an API whose tokens have `${{ routes.id.url }}` as their issuer reads
  the keys at `${{ services.id.url }}`, for which OpenID Connect's libraries have a setting (ASP.NET's `MetadataAddress`).

Another port of a service's Pods, or one that says it speaks HTTP/2, is a Service among `manifests`, which selects the Pods by their name. Pods of
the preview reach any port of each other; a route names this Service with its port. Here for Mailpit, which takes mail at a second one, for gRPC,
and for nodes of Erlang that look for each other (whose own address is `$(hostname -i)`, in a shell):

```yaml
apiVersion: v1
kind: Service
metadata: {name: smtp}
spec:
  selector: {app.kubernetes.io/name: mail}
  ports: [{port: 1025}]
---
apiVersion: v1
kind: Service
metadata: {name: orders-grpc}
spec:
  selector: {app.kubernetes.io/name: orders}
  # For routes of kind HTTPRoute. Ingress controllers ask for annotations instead, which are the platform's to patch.
  ports: [{port: 50051, appProtocol: kubernetes.io/h2c}]
---
apiVersion: v1
kind: Service
metadata: {name: chat-nodes}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {app.kubernetes.io/name: chat}
  ports: [{port: 4369}]
```

Whatever else a workload needs (a StatefulSet, volumes, files that are no text, a root that is not read-only, work before the start, a Job, a CronJob,
probes of its own) is written as plain `manifests`, whose images may hold expressions, or comes from the team's own chart or overlay as an
`application`. What else differs between pull requests, its Pods have from the ConfigMap `preview`, and a flag holds any expression: with
`flags: {host: \"${{ routes.web.host }}\"}`, this container knows where it is reached:

```yaml
envFrom: [{configMapRef: {name: preview}}]
env: [{name: TRUSTED_DOMAINS, value: $(FLAG_HOST)}]
```

## Files of configuration

`files` of a service are texts with expressions, each at its path in the container:

```yaml
spec:
  services:
    - name: web
      image: ghcr.io/acme/shop:${{ pr.headSha }}
      port: 3000
    - name: proxy
      image: ghcr.io/acme/nginx@sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b
      port: 8080
      files:
        /etc/nginx/conf.d/default.conf: |
          server {
            listen 8080;
            location / { proxy_pass ${{ services.web.url }}; proxy_set_header Host $host; }
          }
```

- **Where.** Each is there by itself, and read-only: what else the image has in the folder stays, and a folder of `writable` around it can be
  written to. What the image has at the same path is hidden. A folder on the way that is not there is made, and is root's: also inside of `writable`,
  where the program that should write to it wants it in `writable`, too. Every user may read a file, and none may execute it: a script is
  started by its interpreter, `command: [sh, /scripts/start.sh]`.
- **What stays.** `$host`, `${NAME}`, `$(NAME)` and `{{ … }}` are the program's own: neither dayfly nor Kubernetes puts anything in their place. What
  is `${{ … }}` to the program itself is written `$${{ … }}`; of `{{ pr.title }}` and the like, which may be meant as expressions, a warning tells. A collector's `${env:NAME}`, and `${NAME}` where a program knows it, stand for variables
  of `env` and of what it `uses`.
- **No secrets.** The files are in a ConfigMap, `proxy-files`, as they stand in the policy. A password comes by `uses` as a variable, which the
  program puts in its place.
- **No free text.** A title, a branch or an author's name would be part of the program's configuration, where a quote or a `;` in it may be a
  directive: only what cannot be anything else is there, such as `pr.number`, `pr.headSha`, `pr.branchSlug` and URLs of the preview. `env` holds any text.
- **A change** starts the service's Pods anew.

In the ConfigMap, `/` of a path is `__`, and what is no letter, digit, `.` or `-` is its bytes: `etc__nginx__conf.d__default.conf`.
`dayfly explain DIR services.proxy.files` shows them.

## A database in parts

`uses` gives a service the database's URL, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. For programs that want it otherwise, `keys` of the
database puts `host`, `port`, `username`, `password` and `database` into variables of their own. Services that use it have them, and so have
its migrate and seed, which also see [libpq's or MySQL's](databases/README.md#migrate-and-seed). A service's `env` and arguments may hold
`$(NAME)` for any variable of what it `uses`, and `env` for what stands above: Kubernetes puts the value there. JDBC, here for Spring:

```yaml
spec:
  services:
    - name: web
      image: ghcr.io/acme/shop:${{ pr.headSha }}
      env: {SPRING_DATASOURCE_URL: \"jdbc:postgresql://$(DB_HOST):$(DB_PORT)/$(DB_NAME)\"}
      uses: [main]
  databases:
    - name: main
      baseline: shop
      keys:
        DB_HOST: host
        DB_PORT: port
        DB_NAME: database
        SPRING_DATASOURCE_USERNAME: username
        SPRING_DATASOURCE_PASSWORD: password
```

.NET's Npgsql takes `ConnectionStrings__Main: Host=$(DB_HOST);Port=$(DB_PORT);Database=$(DB_NAME);Username=$(DB_USER);Password=$(DB_PASSWORD)`
in the same way. Django's settings read each from `os.environ`, and whatever is made with libpq reads `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`
and `PGDATABASE` by itself. A password as a variable of its own needs no escaping, whatever a vendor puts into it. What else the URL says, such
as `sslmode`, is in none of the parts: say it beside them, as the driver has it. Pods of `manifests` and of an `application` read the same keys
from the Secret that is called as the database.

Migrate and seed have a database's variables, and those of the ConfigMap `preview`. Of a service's they have none: what a framework reads before it
does anything, they say themselves, in `env` and, for keys, `uses`:

```yaml
spec:
  databases:
    - name: main
      baseline: shop
      keys: {DB_HOST: host, DB_PORT: port, DB_DATABASE: database, DB_USERNAME: username, DB_PASSWORD: password}
      migrate:
        image: ghcr.io/acme/shop:${{ pr.headSha }}
        command: [php, artisan, migrate, --force]
        env: {DB_CONNECTION: mysql, LOG_CHANNEL: stderr}
        uses: [laravel] # APP_KEY
```

They run as user 65532, with `/tmp` as the only folder to write to, unless `runAsUser`, `runAsGroup` and `writable` say otherwise: an image whose files
are its own user's alone, or a framework that writes beside its code, needs the same here as its service does. Both programs
have one `/tmp`, and so want the same user. With `resources`, a migration that needs more memory than
the profile's default has it. Programs that unpack themselves or
keep a configuration want to be told (`DOTNET_BUNDLE_EXTRACT_BASE_DIR: /tmp` for a bundle of EF Core, `RELEASE_TMP: /tmp` for a release of Elixir, `HOME: /tmp` for npm).

## Signing in with an identity provider

Each preview has a host of its own, and identity providers send people back only to addresses that they were told before. A fixed host for all
previews is [refused](rules.md#host-of-another-preview), since only one of them could answer there. What to do instead, the least work first:

- **Leave it to the access.** Where it only matters who sees the preview, a route's `access` with an `oauth2Proxy` signs people in. The provider
  knows one address, the proxy's `--redirect-url`; the proxy takes people back to the preview (with Traefik, to the route's own address) if `--whitelist-domain` and `--cookie-domain`
  cover the previews' domain. Its cookie then reaches the code in each preview, so use a proxy that guards nothing else. With Traefik the
  preview sees who it is in `X-Auth-Request-User` and `X-Auth-Request-Email`, if the proxy has `--set-xauthrequest`.
- **A provider that takes patterns.** Some take `https://*.preview.acme.dev/auth/callback`, for a client of the previews' alone: whoever can open a
  pull request can receive its codes. `env: {OAUTH_REDIRECT_URI: \"${{ routes.web.url }}/auth/callback\"}` tells the service its own address.
- **A relay.** A small service of the platform's at one address, `https://callback.acme.dev`, which the provider knows. The preview sends it as
  `redirect_uri`, and its own host with a secret of the session in `state`; the relay redirects the browser with `code` and `state` to that host,
  and to nothing that is not one label below the previews' domain. The preview compares `state`, and redeems the code with the same
  `redirect_uri` and PKCE, without which other previews could use a code that they got hold of.

In the last two the preview itself talks to the provider: its `egress` names it, and the client's secret is a sandbox's, from `secrets`.

",
};

static GUARDRAILS_PAGE: Page = Page {
    title: "The guardrails",
    introduction: "\
The platform team writes one file: what previews may ask for, and what the platform provides for them. It is mounted into the
plugin's sidecar, and `$DAYFLY_GUARDRAILS` names it; outside Argo CD it is `--guardrails FILE`. It is never read from a source
tree. Without it, the built-in guardrails hold, which allow nothing from any registry: `dayfly guardrails` prints them as the
file to start from.

A policy asks by name: sizes, destinations, baselines and access rules are catalogues here, and what is not listed does not
exist. `dayfly check` tells what is wrong with any entry, whether or not the policy at hand asks for it; with `--guardrails-only`, without a policy. Text marked *with expressions* may hold `${{ policy.name }}`, `${{ pr.number }}` and what else
[the table of expressions](templates.md#expressions) lists.",
    example: "testdata/storefront/guardrails.yaml",
    source: "src/input/guardrails",
    more: "",
};

fn page(page: &Page, schema: &str) -> String {
    let schema: Json = serde_json::from_str(schema).expect("a schema");
    let mut reference = Reference { schema: &schema, sections: Vec::new(), formats: BTreeMap::new() };
    reference.visit("", &schema);
    let mut fields = String::new();
    for section in &reference.sections {
        let paths: Vec<String> = section.paths.iter().map(|path| code(path)).collect();
        let _ = write!(fields, "\n### {}\n\n", section.heading());
        if section.paths.len() > 1 {
            let _ = write!(fields, "At {}.\n\n", paths.join(", "));
        }
        if !section.description.is_empty() {
            let _ = write!(fields, "{}\n\n", section.description);
        }
        fields.push_str("| field | type | default | |\n|---|---|---|---|\n");
        for row in &section.rows {
            let _ = writeln!(fields, "| {} |", row.join(" | "));
        }
    }
    for section in &reference.sections {
        let anchor = anchor(&section.heading());
        fields = fields.replace(&format!("{MARK}{}{MARK}", section.definition), &anchor);
    }
    let mut kinds = String::new();
    for (name, expected) in &reference.formats {
        let _ = writeln!(kinds, "- **{name}**: {expected}.");
    }
    let Page { title, introduction, example, source, more } = page;
    let text = read(example);
    format!(
        "<!-- Made from {source}: {HOW}. -->\n# {title}\n\n{introduction}\n\n## A complete example\n\n\
         This is `{example}`, which the README's main command renders.\n\n```yaml file={example}\n{text}```\n\n\
         {more}## Fields\n{fields}\n## Kinds of values\n\n{kinds}"
    )
}

/// Around the name of a definition, until its section's anchor is known.
const MARK: char = '\u{1}';

/// The fields of a file, read from its JSON Schema: a section for each kind of object.
struct Reference<'s> {
    schema: &'s Json,
    sections: Vec<Section>,
    /// Name and explanation of each kind of scalar that occurs.
    formats: BTreeMap<&'static str, &'static str>,
}

#[derive(Default)]
struct Section {
    definition: String,
    /// Where objects of this kind stand.
    paths: Vec<String>,
    description: String,
    rows: Vec<[String; 4]>,
}

impl Section {
    fn heading(&self) -> String {
        match (self.paths.as_slice(), self.definition.as_str()) {
            ([path], _) if path.is_empty() => "The file".to_owned(),
            ([path], _) => code(path),
            (_, definition) => definition.to_owned(),
        }
    }
}

impl<'s> Reference<'s> {
    fn definition(&self, reference: &str) -> &'s Json {
        &self.schema["definitions"][reference.trim_start_matches("#/definitions/")]
    }

    /// A schema without what only says that it may be left out, and the name of its definition.
    fn bare(&self, schema: &'s Json) -> (&'s Json, Option<&'s str>) {
        for wrapper in ["allOf", "anyOf"] {
            if let Some(first) = schema[wrapper].get(0) {
                return self.bare(first);
            }
        }
        match schema["$ref"].as_str() {
            Some(reference) => (self.definition(reference), Some(reference.trim_start_matches("#/definitions/"))),
            None => (schema, None),
        }
    }

    fn visit(&mut self, path: &str, schema: &'s Json) {
        let (object, name) = self.bare(schema);
        let definition = name.unwrap_or_default().to_owned();
        if let Some(section) = self.sections.iter_mut().find(|section| section.definition == definition) {
            section.paths.push(path.to_owned());
            return;
        }
        let description = object["description"].as_str().unwrap_or_default().to_owned();
        let index = self.sections.len();
        self.sections.push(Section { definition, paths: vec![path.to_owned()], description, rows: Vec::new() });
        let required =
            |field: &str| object["required"].as_array().is_some_and(|all| all.iter().any(|name| name == field));
        let mut fields: Vec<(&String, &Json)> = properties(object).collect();
        fields.sort_by_key(|(field, _)| (!required(field), *field != "name", *field));
        let mut rows = Vec::new();
        let mut described = Vec::new();
        for (field, schema) in &fields {
            let kind = self.kind(schema);
            let default = default(schema, self.bare(schema).0, required(field));
            let description = self.description(schema, &mut described);
            rows.push([code(field), kind, default, description].map(|cell| cell.replace('|', "\\|")));
        }
        self.sections[index].rows = rows;
        for (field, schema) in fields {
            let below = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
            self.descend(&below, schema);
        }
    }

    fn descend(&mut self, path: &str, schema: &'s Json) {
        let (bare, _) = self.bare(schema);
        if bare["properties"].is_object() {
            self.visit(path, schema);
        } else if bare["items"].is_object() {
            self.descend(&format!("{path}[]"), &bare["items"]);
        } else if bare["additionalProperties"].is_object() {
            self.descend(&format!("{path}.NAME"), &bare["additionalProperties"]);
        } else {
            for choice in bare["oneOf"].as_array().into_iter().flatten() {
                for (field, schema) in properties(choice) {
                    self.descend(&format!("{path}.{field}"), schema);
                }
            }
        }
    }

    /// The type, in words.
    fn kind(&mut self, schema: &'s Json) -> String {
        let (bare, name) = self.bare(schema);
        if bare["oneOf"].is_array() || bare["enum"].is_array() {
            return Self::choices(bare).into_iter().map(|(choice, _)| choice).collect::<Vec<_>>().join(", ");
        }
        if let Some((name, expected)) = bare["format"].as_str().and_then(format) {
            self.formats.insert(name, expected);
            let is_typed = bare["type"].as_array().is_some_and(|kinds| kinds.contains(&Json::from("boolean")));
            return if is_typed { format!("{name}, integer, `true` or `false`") } else { name.to_owned() };
        }
        let unnamed = bare["format"].as_str().filter(|format| !format.starts_with("uint"));
        assert_eq!(unnamed, None, "a kind of scalar without a name in `format` below");
        let kinds = match &bare["type"] {
            Json::String(kind) => vec![kind.as_str()],
            Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).filter(|kind| *kind != "null").collect(),
            _ => Vec::new(),
        };
        match kinds.as_slice() {
            ["string"] => "text".to_owned(),
            ["boolean"] => "`true` or `false`".to_owned(),
            ["integer"] => match (bare["minimum"].as_u64(), bare["maximum"].as_u64()) {
                (Some(least), Some(most)) => format!("integer, {least} to {most}"),
                (Some(least), None) => format!("integer from {least}"),
                _ => "integer".to_owned(),
            },
            ["array"] if bare["items"].is_object() => format!("list: {}", self.kind(&bare["items"])),
            ["array"] => "list".to_owned(),
            ["object"] if bare["additionalProperties"].is_object() => {
                let key = bare["propertyNames"]["format"].as_str().and_then(format);
                let key = key.map_or("name", |(name, expected)| {
                    self.formats.insert(name, expected);
                    name
                });
                format!("map: {key} to {}", self.kind(&bare["additionalProperties"]))
            }
            ["object"] => format!("[object](#{MARK}{}{MARK})", name.unwrap_or_default()),
            _ => "any".to_owned(),
        }
    }

    /// The words that an enumeration allows, and what each means.
    fn choices(schema: &Json) -> Vec<(String, String)> {
        let words = |schema: &Json| -> Vec<String> {
            let listed = schema["enum"].as_array().cloned().unwrap_or_default();
            let constant = schema.get("const").cloned();
            let keys = properties(schema).map(|(field, _)| Json::String(format!("{field}: …")));
            let all = listed.into_iter().chain(constant).chain(keys);
            all.filter_map(|word| word.as_str().map(code)).collect()
        };
        if !schema["oneOf"].is_array() {
            return words(schema).into_iter().map(|word| (word, String::new())).collect();
        }
        let mut choices = Vec::new();
        for choice in schema["oneOf"].as_array().into_iter().flatten() {
            let description = choice["description"].as_str().unwrap_or_default();
            choices.extend(words(choice).into_iter().map(|word| (word, description.to_owned())));
        }
        choices
    }

    /// What a field is for, and what its words mean, unless another field of the section has said that.
    fn description(&self, schema: &'s Json, described: &mut Vec<&'s str>) -> String {
        let (bare, name) = self.bare(schema);
        let mut lines = vec![schema["description"].as_str().unwrap_or_default().to_owned()];
        if lines[0].is_empty() && name.is_some() {
            bare["description"].as_str().unwrap_or_default().clone_into(&mut lines[0]);
        }
        if !name.is_some_and(|name| described.contains(&name)) {
            let meant = Self::choices(bare).into_iter().filter(|(_, meaning)| !meaning.is_empty());
            lines.extend(meant.map(|(choice, meaning)| format!("{choice}: {meaning}")));
            described.extend(name);
        }
        lines.retain(|line| !line.is_empty());
        lines.join("<br>").replace('\n', " ")
    }
}

fn properties(schema: &Json) -> impl Iterator<Item = (&String, &Json)> {
    schema["properties"].as_object().into_iter().flatten()
}

fn default(schema: &Json, bare: &Json, required: bool) -> String {
    if required {
        return "required".to_owned();
    }
    match schema.get("default") {
        Some(Json::String(text)) => code(text),
        Some(value) => code(&value.to_string()),
        None if bare["type"] == "array" => code("[]"),
        None if bare["additionalProperties"].is_object() => code("{}"),
        None => String::new(),
    }
}

/// The name of a scalar's kind and what it may be.
fn format(format: &str) -> Option<(&'static str, &'static str)> {
    fn of<T: Scalar>(format: &str, name: &'static str) -> Option<(&'static str, &'static str)> {
        (format == T::FORMAT).then_some((name, T::EXPECTED))
    }
    of::<Cidr>(format, "address block")
        .or_else(|| of::<Duration>(format, "duration"))
        .or_else(|| of::<Quantity>(format, "quantity"))
        .or_else(|| of::<DnsLabel>(format, "DNS label"))
        .or_else(|| of::<scalar::Reference>(format, "reference"))
        .or_else(|| of::<DnsName>(format, "DNS name"))
        .or_else(|| of::<Domain>(format, "domain"))
        .or_else(|| of::<EnvName>(format, "environment variable"))
        .or_else(|| of::<FilePath>(format, "path of a file"))
        .or_else(|| of::<FlagName>(format, "flag"))
        .or_else(|| of::<ImagePrefix>(format, "image prefix"))
        .or_else(|| of::<LabelKey>(format, "label key"))
        .or_else(|| of::<LabelValue>(format, "label value"))
        .or_else(|| of::<NamePrefix>(format, "name prefix"))
        .or_else(|| of::<PodSecurityVersion>(format, "version of the Pod Security Standards"))
        .or_else(|| of::<RelativePath>(format, "relative path"))
        .or_else(|| of::<SecretKey>(format, "secret key"))
        .or_else(|| of::<Url>(format, "URL"))
        .or_else(|| of::<Interpolated>(format, "text with expressions"))
        .or_else(|| of::<InterpolatedPath>(format, "path with expressions"))
        .or_else(|| of::<AbsolutePath>(format, "absolute path"))
        .or_else(|| of::<AttestationKey>(format, "public key"))
        .or_else(|| of::<ImageDigest>(format, "image by digest"))
        .or_else(|| of::<ImagePath>(format, "path in an image"))
        .or_else(|| of::<Percent>(format, "percentage"))
        .or_else(|| of::<UrlPath>(format, "path of a URL"))
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn rules_page() -> String {
    let mut text = format!(
        "<!-- Made from src/rules: {HOW}. -->\n# The rules\n\n\
         Everything that dayfly refuses, or does differently from what was asked. The code is stable: it stands in\n\
         `dayfly check --format json`, in SARIF, and in Argo CD. `dayfly explain CODE` prints what is said here of a rule.\n\n\
         An **error** means that nothing is rendered if the platform or the team caused it, and the quarantine if the pull\n\
         request did ([security model](security.md#the-quarantine)). A **warning** means that something is rendered, though\n\
         not as it was asked for.\n\n| code | severity | what must hold |\n|---|---|---|\n"
    );
    for rule in rules::ALL {
        let Rule { code, severity, summary, .. } = rule;
        let _ = writeln!(text, "| [`{code}`](#{code}) | {} | {} |", severity.name(), summary.replace('|', "\\|"));
    }
    for rule in rules::ALL {
        let Rule { code, severity, summary, explanation } = rule;
        let _ = write!(text, "\n## {code}\n\n*{}*: {summary}.\n\n{explanation}\n", severity.name());
    }
    text
}
