//! The memory call under criterion: typed, and its encoding alone.

#![allow(
    clippy::expect_used,
    reason = "a bench that cannot start has nothing to measure"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use polywire_benches::memory::{Pair, encoding};
use polywire_benches::payload::Order;

fn memory(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let pair = runtime.block_on(Pair::start()).expect("a provider");
    let mut group = criterion.benchmark_group("memory");
    for bytes in [256, 4096] {
        let order = Order::of_size(bytes);
        group.bench_function(BenchmarkId::new("typed call", bytes), |bencher| {
            bencher.iter_custom(|times| {
                runtime.block_on(async {
                    let begin = std::time::Instant::now();
                    for _ in 0..times {
                        black_box(pair.call(black_box(&order)).await.expect("a quote"));
                    }
                    begin.elapsed()
                })
            });
        });
        group.bench_function(BenchmarkId::new("encoding alone", bytes), |bencher| {
            bencher.iter(|| encoding(black_box(&order)));
        });
    }
    group.finish();
}

criterion_group!(benches, memory);
criterion_main!(benches);
