//! The tree of the design, held by tests: who may import whom, and where `cfg` may stand.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Which top-level modules each module may name. `wire` is a tool that names nobody.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("observe", &["model"]),
    ("wire", &[]),
    ("password", &["model", "observe"]),
    ("store", &["model", "observe", "password"]),
    ("throttle", &["model", "observe", "store"]),
    ("bearer", &["model", "observe", "store", "wire"]),
    (
        "token",
        &["model", "observe", "password", "store", "throttle", "wire"],
    ),
    (
        "flow",
        &[
            "bearer",
            "integrations",
            "model",
            "observe",
            "password",
            "store",
            "throttle",
            "token",
        ],
    ),
    ("integrations", &["bearer", "model", "observe", "token"]),
    ("guide", &[]),
];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every Rust file under `path`, or `path` itself.
fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|entry| rust_files(&entry));
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn files_of(module: &str) -> Vec<PathBuf> {
    let file = src().join(module).with_extension("rs");
    let files = rust_files(&if file.exists() {
        file
    } else {
        src().join(module)
    });
    assert!(!files.is_empty(), "no file of {module}");
    files
}

/// The code of a file, without the comments, in which an example may name anything.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The top-level modules that `code` names: in `crate::x` and in `crate::{x::.., y::..}`.
fn imports(code: &str) -> Vec<String> {
    let name = |text: &str| {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            found.push(name(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (at, character) in group.char_indices() {
            match character {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    found.push(name(&group[at..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn imports_are_read_from_single_and_grouped_paths() {
    let code =
        "use crate::model::X; use crate::{\n  store::{A, B},\n  wire::C,\n}; crate::token::f()";
    assert_eq!(imports(code), ["model", "store", "wire", "token"]);
}

#[test]
fn every_import_points_down() {
    for (module, allowed) in MAY_IMPORT {
        for file in files_of(module) {
            for target in imports(&code(&file)) {
                let down = target == *module || allowed.contains(&target.as_str());
                assert!(down, "{} may not import `{target}`", file.display());
            }
        }
    }
}

#[test]
fn every_module_has_its_place_in_the_table() {
    for entry in fs::read_dir(src()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let known = MAY_IMPORT.iter().any(|(module, _)| *module == name);
        assert!(known || name == "lib", "{name} is not in MAY_IMPORT");
    }
}

/// A path through two parents would hide an import from the test above.
#[test]
fn no_path_climbs_out_of_its_module() {
    for file in rust_files(&src()) {
        assert!(
            !code(&file).contains("super::super::"),
            "{}",
            file.display()
        );
    }
}

#[test]
fn cfg_stands_on_mod_and_use_lines_only() {
    for file in rust_files(&src()) {
        let code = code(&file);
        let mut lines = code.lines().map(str::trim).peekable();
        while let Some(line) = lines.next() {
            assert!(!line.contains("cfg!("), "{}: {line}", file.display());
            if !line.starts_with("#[cfg") {
                continue;
            }
            while lines.peek().is_some_and(|next| next.starts_with("#[")) {
                lines.next();
            }
            let item = lines.peek().copied().unwrap_or_default();
            let item = item
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub(super) ")
                .trim_start_matches("pub ");
            let on_a_module = item.starts_with("mod ") || item.starts_with("use ");
            assert!(on_a_module, "{}: cfg on `{item}`", file.display());
        }
    }
}
