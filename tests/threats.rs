//! The tables of the threat model are held by tests that exist.

use std::{fs, path::Path};

/// All test code below `folder`.
fn tests_below(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// The rows of the table whose head begins with `head`, cell by cell.
fn rows<'a>(page: &'a str, head: &str) -> Vec<Vec<&'a str>> {
    let lines = page.lines().skip_while(|line| !line.starts_with(head));
    let rows = lines.skip(2).take_while(|line| line.starts_with("| "));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

const PAGE: &str = include_str!("../src/guide/threats.md");

#[test]
fn every_attack_has_an_answer_and_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    tests_below(&root.join("tests"), &mut code);
    tests_below(&root.join("src"), &mut code);

    let attacks = rows(PAGE, "| attack");
    assert!(attacks.len() > 20, "{}", attacks.len());
    for row in attacks {
        let [attack, answer, tests] = row[..] else {
            panic!("{row:?}");
        };
        assert!(!attack.is_empty() && !answer.is_empty(), "{row:?}");
        let named: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{attack} has no test");
        for path in named {
            let (_module, name) = path.rsplit_once("::").unwrap();
            assert!(code.contains(&format!("fn {name}(")), "no test {path}");
        }
    }
}

#[test]
fn every_row_of_asvs_says_yes_or_no_or_whose_duty_it_is() {
    let requirements = rows(PAGE, "| ASVS");
    assert!(requirements.len() > 20, "{}", requirements.len());
    for row in requirements {
        let [number, _what, verdict, _why] = row[..] else {
            panic!("{row:?}");
        };
        let parts = number.split('.').map(str::parse::<u8>);
        assert_eq!(parts.flatten().count(), 3, "{row:?}");
        let known = ["yes", "the application's duty", "no"];
        assert!(known.contains(&verdict), "{row:?}");
    }
}
