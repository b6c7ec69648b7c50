use std::env;

fn main() {
    let name = env::var("APPLICATION_SCENARIO_NAME").expect("a scenario is told its name");
    println!("HEY! This is scenario {name}");
}
