use std::collections::BTreeMap;

use backlot_project::Stack;
use backlot_project::readers::stack;

use super::{Named, apart, names, share_network, without_address};

fn read(text: &str) -> Stack {
    stack(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What a service knows, in words: `name>service`, `name>machine`, `name>itself` or `name>address`.
fn known(stack: &Stack, service: &str) -> Vec<String> {
    let word = |named: &Named<'_>| match named {
        Named::Service(name) => (*name).to_owned(),
        Named::Machine => "machine".to_owned(),
        Named::Itself => "itself".to_owned(),
        Named::Addresses(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"),
    };
    let names: BTreeMap<String, Named<'_>> = names(&stack.services[service], stack);
    names.iter().map(|(name, named)| format!("{name}>{}", word(named))).collect()
}

/// The same without what Docker adds to all of them: the machine, names with a network, and names of containers.
fn given(stack: &Stack, service: &str) -> String {
    let usual = |line: &String| {
        line.ends_with(".docker.internal>machine")
            || line.split('>').next().is_some_and(|name| {
                name.starts_with("test-")
                    || stack.networks.values().any(|one| name.ends_with(&format!(".{}", one.name)))
            })
    };
    known(stack, service).into_iter().filter(|line| !usual(line)).collect::<Vec<_>>().join(" ")
}

#[test]
fn all_names_of_a_service() {
    let stack =
        read("services: {web: {image: a, hostname: Front}, db: {image: a, container_name: shop_db}}\n");
    let expected = [
        "db>db",
        "db.test_default>db",
        "front>itself",
        "front.test_default>web",
        "gateway.docker.internal>machine",
        "host.docker.internal>machine",
        "shop_db>db",
        "shop_db.test_default>db",
        "test-web-1>web",
        "test-web-1.test_default>web",
        "web>web",
        "web.test_default>web",
    ];
    assert_eq!(known(&stack, "web"), expected);
}

#[test]
fn names_lead_where_docker_compose_has_them_lead() {
    // What stands in the file, and what `web` knows by it.
    let db = "services:\n  db: {image: a}\n  web: ";
    let cases = [
        ("{image: a}", "db>db web>web"),
        ("{image: a, hostname: w.example.com}", "db>db w>itself w.example.com>itself web>web"),
        ("{image: a, hostname: w, domainname: example.com}", "db>db w>itself w.example.com>itself web>web"),
        // /etc/hosts is asked first.
        ("{image: a, hostname: db}", "db>itself web>web"),
        ("{image: a, extra_hosts: ['DB:10.0.0.1']}", "db>10.0.0.1 web>web"),
        ("{image: a, hostname: h, extra_hosts: [h=10.0.0.1]}", "db>db h>10.0.0.1 web>web"),
        (
            "{image: a, extra_hosts: ['a:1.2.3.4', b=1.2.3.4, 'c:[::1]', 'd=[::1]', 'e:::2', f=::2]}",
            "a>1.2.3.4 b>1.2.3.4 c>::1 d>::1 db>db e>::2 f>::2 web>web",
        ),
        (
            "{image: a, extra_hosts: {a: 1.2.3.4, b: host-gateway, c: [1.2.3.4, '[::1]'], d: 172.17.0.1}}",
            "a>1.2.3.4 b>machine c>1.2.3.4+::1 d>machine db>db web>web",
        ),
        ("{image: a, extra_hosts: ['a:1.1.1.1,2.2.2.2', 'a:host-gateway']}", "a>machine db>db web>web"),
        (
            "{image: a, extra_hosts: ['host.docker.internal:10.0.0.9']}",
            "db>db host.docker.internal>10.0.0.9 web>web",
        ),
        // What is no address, or no name of a hosts file, is left out.
        (
            "{image: a, extra_hosts: ['a:nowhere', 'b:', ':1.1.1.1', 'x y=1.1.1.1', '#=1.1.1.1']}",
            "db>db web>web",
        ),
        ("{image: a, hostname: 'a b'}", "db>db web>web"),
        // Links: the bare one says nothing new but the name with a number.
        ("{image: a, links: [db]}", "db>db db-1>db web>web"),
        ("{image: a, links: ['db:linked', 'db:web']}", "db>db db-1>db linked>db web>db"),
        ("{image: a, external_links: ['test-db-1:mine', 'other-1:theirs']}", "db>db mine>db web>web"),
        ("{image: a, network_mode: none, hostname: h, extra_hosts: ['a:1.1.1.1']}", "h>itself"),
        ("{image: a, network_mode: host, hostname: h, extra_hosts: ['a:1.1.1.1']}", "a>1.1.1.1"),
        ("{image: a, network_mode: bridge, hostname: h}", "h>itself"),
        ("{image: a, network_mode: own}", "web>web web.own>web"),
        ("{image: a, network_mode: 'service:db'}", "db>db"),
        ("{image: a, network_mode: 'container:test-db-1'}", "db>db"),
        ("{image: a, network_mode: 'container:elsewhere'}", ""),
    ];
    for (web, expected) in cases {
        assert_eq!(given(&read(&format!("{db}{web}\n")), "web"), expected, "{web}");
    }
}

const TIERS: &str = "
services:
  proxy: {image: a, networks: {front: {aliases: [Shop, '']}}}
  web:
    image: a
    hostname: app
    domainname: example.com
    networks: {front: {aliases: [www, api]}, back: {aliases: [backend]}}
  api: {image: a, networks: [front]}
  db: {image: a, container_name: Shop_DB, networks: {back: {aliases: [postgres, shared]}}}
  cache: {image: a, networks: {back: {aliases: [shared, db]}}, links: ['proxy:p', 'db:d']}
  side: {image: a, network_mode: 'service:db'}
  top: {image: a, network_mode: 'service:side'}
  alone: {image: a, network_mode: none}
  host: {image: a, network_mode: host}
  tool: {provider: {type: x}}
networks: {front: {}, back: {name: deep}}
";

#[test]
fn only_those_on_a_network_with_a_service_are_known_and_by_their_names_there() {
    let stack = read(TIERS);
    // `app` is known to others, its domain is not; `api` is a service before it is an alias; the first has `shared`.
    let back = "app>web backend>web cache>cache db>db postgres>db shared>cache shop_db>db web>web";
    for (service, expected) in [
        ("proxy", "api>api app>web proxy>proxy shop>proxy web>web www>web"),
        ("api", "api>api app>web proxy>proxy shop>proxy web>web www>web"),
        (
            "web",
            "api>api app>itself app.example.com>itself backend>web cache>cache db>db postgres>db proxy>proxy \
             shared>cache shop>proxy shop_db>db web>web www>web",
        ),
        ("db", back),
        ("side", back),
        ("top", back),
        // A link is no way to what is on no network with it.
        (
            "cache",
            "app>web backend>web cache>cache d>db db>db db-1>db postgres>db shared>cache shop_db>db web>web",
        ),
        ("alone", ""),
        ("host", ""),
        ("tool", ""),
    ] {
        assert_eq!(given(&stack, service), expected, "{service}");
    }
    assert!(known(&stack, "web").contains(&"shop_db.deep>db".to_owned()));
    assert!(known(&stack, "alone").is_empty());
}

#[test]
fn those_that_share_no_network_are_told() {
    let stack = read(TIERS);
    let shares = |one: &str, other: &str| share_network(&stack.services[one], &stack.services[other], &stack);
    for (one, other, expected) in [
        ("proxy", "web", true),
        ("proxy", "db", false),
        ("web", "top", true),
        ("side", "top", true),
        ("host", "web", false),
        ("host", "host", true),
        ("alone", "alone", true),
        ("alone", "web", false),
    ] {
        assert_eq!((shares(one, other), shares(other, one)), (expected, expected), "{one} and {other}");
    }
    let stack = read(
        "services: {a: {image: a, networks: [x]}, b: {image: a, networks: [y]}, c: {image: a, networks: [x, y]}}\nnetworks: {x: {}, y: {}}\n",
    );
    assert_eq!(apart(&stack), [("a", vec!["b"])].into());
    assert!(apart(&read("services: {a: {image: a}, b: {image: a}, c: {provider: {type: x}}}\n")).is_empty());
}

#[test]
fn the_name_of_a_container_leads_to_its_service_in_a_throw_away_environment() {
    let stack = read(
        "services:
  db: {image: a, container_name: shop_db, networks: {n: , own: {aliases: [d]}, outside: }}
  web: {image: a, networks: [n]}
networks: {n: , own: , outside: {external: true}}
",
    )
    .into_throwaway();
    assert!(given(&stack, "web").contains("shop_db>db"));
    // Docker is told it as an alias, but not where an environment that stays may have it.
    let db = &stack.resolved()["services"]["db"];
    assert_eq!(db.get("container_name"), None);
    let networks = serde_json::json!({"n": {"aliases": ["shop_db"]}, "own": {"aliases": ["d", "shop_db"]}, "outside": null});
    assert_eq!(db["networks"], networks);
}

#[test]
fn extra_hosts_without_an_address_are_told_with_their_place() {
    let stack = read(
        "services:\n  a:\n    image: a\n    extra_hosts:\n      - b:nowhere\n      - c:host-gateway\n      - d=::1\n",
    );
    let told: Vec<String> = without_address(&stack.services["a"])
        .map(|host| format!("{} {} {}", host.name, host.value, host.at))
        .collect();
    assert_eq!(told, ["b nowhere /project/compose.yaml:5:9"]);
}
