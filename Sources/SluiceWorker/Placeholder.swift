public func runWorker(options: RunOptions) -> Int32 { 69 }
