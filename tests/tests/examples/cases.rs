//! The examples' own cases, and the harness's reports of cases that must fail.

use std::{path::Path, sync::Arc};

use mortise_harness::{Case, Outcome, Report, Suite};
use mortise_runtime::Loader;
use mortise_tests::guests;

#[cfg(unix)]
use crate::catalogue;
use crate::{author::plugin, backend};

async fn suite(package: &str) -> Suite {
    suite_of(&guests::example(package)).await
}

/// The same of a component in any file.
pub(crate) async fn suite_of(file: &Path) -> Suite {
    let backend: Arc<dyn Loader> = Arc::new(backend().clone());
    Suite::load(file, &[backend]).await.unwrap()
}

#[tokio::test]
async fn each_example_passes_its_cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (package, folder) in [
        ("alertmanager", "examples/alertmanager/cases"),
        ("clock", "examples/clock/cases"),
        ("deduplicate", "examples/deduplicate/cases"),
        ("forward", "examples/forward/cases"),
        ("jq", "examples/jq/cases"),
        ("json-webhook", "examples/json-webhook/cases"),
        ("rules", "examples/rules/cases"),
        ("everything", "tests/guests/everything/cases"),
    ] {
        let cases = Case::load(&root.join(folder)).unwrap();
        let report = suite(package).await.run(&cases).await;
        report.passed().unwrap();
        assert_eq!(report.counts(), [cases.len(), 0, 0], "{package}");
    }
}

/// Every example with a `plugin.toml`, built as its author builds it: as a component,
/// or as an executable if it is a native plugin.
#[tokio::test]
async fn each_example_in_another_language_passes_its_cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<_> = std::fs::read_dir(root.join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("plugin.toml").is_file())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "there are such examples");
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let example = format!("examples/{name}");
        if name.starts_with("native-") {
            let file = guests::authored_native(&example);
            plugin(file.ancestors().nth(2).unwrap(), &["test"]);
            continue;
        }
        let file = guests::authored(&example);
        let cases = Case::load(&folder.join("cases")).unwrap();
        let report = suite_of(&file).await.run(&cases).await;
        report.passed().unwrap();
        assert_eq!(report.counts(), [cases.len(), 0, 0], "{name}");
    }
}

/// Every example that is built without tools of Mortise, by its command in the
/// catalogue.
#[cfg(unix)]
#[test]
fn each_example_with_a_build_of_its_own_passes_its_cases() {
    let mut tested = 0;
    for entry in catalogue::entries() {
        let folder = entry["folder"].as_str().unwrap();
        let path = guests::root().join("examples").join(folder);
        if path.join("plugin.toml").is_file() || path.join("Cargo.toml").is_file() {
            continue;
        }
        let clone = tempfile::tempdir().unwrap();
        let command = entry["command"].as_str().unwrap();
        let file = catalogue::run(clone.path(), folder, command);
        let cases = path.join("cases");
        let [file, cases] = [&file, &cases].map(|path| path.to_str().unwrap());
        plugin(guests::root(), &["test", file, "--cases", cases]);
        tested += 1;
    }
    assert!(tested > 0, "there are such examples");
}

/// Every case here expects something wrong, and its name is the reported
/// difference.
const WRONG: &str = include_str!("wrong.yaml");

#[tokio::test]
async fn a_case_that_should_fail_fails_and_says_why() {
    let cases = Case::parse(Path::new("wrong.yaml"), WRONG).unwrap();
    let report = suite("everything")
        .await
        .at_a_time(cases.len())
        .run(&cases)
        .await;
    for result in &report.results {
        let Outcome::Failed(failure) = &result.outcome else {
            panic!("`{}` did not fail: {:?}", result.case, result.outcome)
        };
        let text = failure.to_string();
        let told = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(&result.case), "{}: {told}", result.case);
    }
    assert!(report.passed().is_err());
}

#[tokio::test]
async fn what_is_skipped_is_neither_passed_nor_failed() {
    let text = "name: a\nskip: { backend: wasm, because: not here }\nsteps:\n- webhook: { body: fail x }\n";
    let cases = Case::parse(Path::new("a.yaml"), text).unwrap();
    let Report { results, .. } = suite("everything").await.run(&cases).await;
    assert!(
        matches!(&results[0].outcome, Outcome::Skipped(because) if because == "not here"),
        "{results:?}"
    );
    let text = text.replace("backend: wasm", "language: go");
    let cases = Case::parse(Path::new("a.yaml"), &text).unwrap();
    let suite = suite("everything").await;
    for (suite, counts) in [
        (suite.clone(), [0, 1, 0]),
        (suite.clone().language("go"), [0, 0, 1]),
        (suite.language("rust"), [0, 1, 0]),
    ] {
        assert_eq!(suite.run(&cases).await.counts(), counts);
    }
}

/// The cases on the page about testing, in their order.
#[tokio::test]
async fn what_the_page_shows_is_true() {
    let page = include_str!("../../../docs/testing-a-plugin.md");
    let blocks: Vec<_> = page.split("```yaml\n").skip(1).collect();
    let packages = ["rules", "clock", "forward"];
    assert_eq!(blocks.len(), packages.len());
    for (block, package) in blocks.iter().zip(packages) {
        let text = block.split("```").next().unwrap();
        let cases = Case::parse(Path::new("testing-a-plugin.md"), text).unwrap();
        suite(package).await.run(&cases).await.passed().unwrap();
    }
}
